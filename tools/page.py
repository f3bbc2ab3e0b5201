# SPDX-License-Identifier: MIT
"""The report as one HTML page that needs nothing beside it: plots are in it as
SVG, whose black takes the colour of the text, so that it is read on light and on
dark and in print. Every text that comes from data is escaped.
"""
import html
import re

import formula

STYLE = """
:root { --ink: #1a1c20; --dim: #5a6068; --page: #ffffff; --line: #d9dde2;
  --box: #f5f6f8; --good: #00795a; --bad: #b34700; --link: #005b95;
  --blue: #0072b2;
  color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --dim: #a4abb5;
  --page: #16181d; --line: #3a3f47; --box: #1f2229; --good: #3fc79a;
  --bad: #ff9a5c; --link: #7cc4f5; --blue: #3f9fdc; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--page); max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
h1 { line-height: 1.2; margin: 0 0 .3rem; }
h2 { margin: 2.6rem 0 .4rem; line-height: 1.25; }
a { color: var(--link); }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
code { overflow-wrap: anywhere; }
nav ul { columns: 2; padding-left: 1.2rem; }
figure { margin: 1rem 0; }
figure svg { width: 100%; height: auto; display: block; }
figcaption { border-left: 4px solid var(--line); padding: .2rem 0 .2rem .8rem;
  margin-top: .6rem; }
ul.holds { list-style: none; padding: 0; margin: .6rem 0; }
ul.holds li { padding-left: 5.2em; text-indent: -5.2em; margin: .15rem 0; }
ul.holds b { display: inline-block; width: 5.2em; text-indent: 0; }
.yes { color: var(--good); } .no { color: var(--bad); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .86rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .6rem; border-bottom: 1px solid var(--line);
  text-align: right; vertical-align: bottom; }
th:first-child, td:first-child, td.word { text-align: left; }
thead th { background: var(--box); }
p.meta { color: var(--dim); font-size: .86rem; }
details { margin: .6rem 0; } summary { cursor: pointer; }
@media (max-width: 40rem) { body { padding: .8rem; } nav ul { columns: 1; }
  figure { overflow-x: auto; } figure svg { min-width: 34rem; } }
@media print { :root { --ink: #000; --dim: #333; --page: #fff; --line: #bbb;
  --box: #eee; --good: #00573f; --bad: #8a3700; --link: #000;
  --blue: #0072b2; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  section { break-inside: auto; } figure, tr { break-inside: avoid; }
  h2 { break-after: avoid; } details > summary { display: none; }
  nav { display: none; } }
"""

LONG = 24  # lines of a table that is folded away
BLUE = re.compile(r"rgb\( *0, *114, *178\)|#0072B2")  # too dark for the dark
BLACK = re.compile(r"(?:black|rgb\( *0, *0, *0\)|#000000)(?=[\"';])")


def esc(text):
    return html.escape(str(text))


def prose(text):
    """Paragraphs, lists and `code` of a text, and *this*; nothing else."""
    out = []
    for part in re.split(r"\n\s*\n", text.strip()):
        items = re.split(r"^- ", part, flags=re.M)
        body = [inline(i) for i in items if i.strip()]
        out.append("<p>%s</p>" % body[0] if not part.startswith("- ") and
                   len(items) == 1 else
                   "<ul>%s</ul>" % "".join("<li>%s</li>" % b for b in body))
    return "\n".join(out)


def inline(text):
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", esc(" ".join(text.split())))
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", text)


def figure(svg, name, label):
    """An SVG to stand in the page: its ids are its own, its black is ink."""
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<(script|title)\b.*?</\1>|<desc>.*?</desc>", "", svg,
                 flags=re.S)
    svg = re.sub(r"\bid=(['\"])", r"id=\g<1>%s-" % name, svg)
    svg = re.sub(r"(xlink:href=['\"]|url\()#", r"\g<1>#%s-" % name, svg)
    svg = BLACK.sub("currentColor", svg)
    svg = BLUE.sub("var(--blue)", svg)
    svg = re.sub(r"\bcolor=\"currentColor\"", "", svg)
    return svg.replace("<svg", '<svg role="img" aria-label="%s"' % esc(label),
                       1)


def cell(value):
    word = isinstance(value, str)
    return '<td%s>%s</td>' % (' class="word"' if word else "",
                              esc(formula.shown(value)))


def table(headings, lines):
    return ('<div class="scroll"><table><thead><tr>%s</tr></thead><tbody>\n%s'
            '\n</tbody></table></div>' % (
                "".join("<th>%s</th>" % esc(h) for h in headings),
                "\n".join("<tr>%s</tr>" % "".join(map(cell, line))
                          for line in lines)))


def claims(holds):
    if not holds:
        return ""
    return '<ul class="holds">%s</ul>' % "\n".join(
        '<li><b class="%s">%s</b>%s</li>' % (
            "yes" if ok else "no", "✓ holds" if ok else "✗ not so",
            inline(words)) for ok, words in holds)


def section(part):
    """Of one experiment; part: what tools/report found of it."""
    name, meta = part["name"], part["meta"]
    tables = "".join("<details%s><summary>Table: <code>%s</code>, %d lines"
                     "</summary>%s</details>" % (
                         "" if len(lines) > LONG else " open", esc(k),
                         len(lines), table(h, lines))
                     for k, h, lines in part["tables"])
    files = ", ".join('<a href="%s/%s">%s</a>' % (esc(name), esc(f), esc(f))
                      for f in part["files"])
    return """<section id="%s"><h2>%s</h2>
%s
<figure>%s<figcaption>%s</figcaption></figure>
%s
%s
<p class="meta">By <code>%s</code>, %s s, at %s, commit %s%s. Beside this page:
%s.</p></section>""" % (
        esc(name), esc(part["title"]), prose(part["asks"]),
        figure(part["svg"], name, part["title"]), inline(part["shows"]),
        claims(part["holds"]), tables, esc(meta.get("command", "?")),
        esc(meta.get("seconds", "?")), esc(meta.get("finished", "?")),
        esc(meta.get("commit", "?")),
        "; seeds " + esc(part["seeds"]) if part["seeds"] else
        "; no seed: nothing in it is random", files)


def page(title, parts, absent, about):
    """about: (what, value) of the machine and the versions."""
    missing = "".join("<li><b>%s</b>: %s</li>" % (esc(n), esc(why))
                      for n, why in absent)
    return """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title><style>%s</style></head><body>
<header><h1>%s</h1>
<p>What was measured here, each by an experiment that anyone can run again. A
sentence under a plot is worked out from its data. Instructions are counted by
QEMU (<code>-icount</code>), where one is one nanosecond: of one operation the same
each time, whatever else the machine does; over a stretch of time, nearly. They are no cycles: caches and the TLB are not in
them.</p></header>
<nav aria-label="Experiments"><ul>%s</ul></nav>
<main>
%s
</main>
<section id="about"><h2>Made with</h2>%s%s</section>
</body></html>
""" % (esc(title), STYLE, esc(title),
       "".join('<li><a href="#%s">%s</a></li>' % (esc(p["name"]),
                                                  esc(p["title"]))
               for p in parts),
       "\n".join(map(section, parts)),
       table(("what", ""), about),
       "<h2>Not there</h2><ul>%s</ul>" % missing if missing else "")
