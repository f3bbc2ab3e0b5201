/* SPDX-License-Identifier: MIT */
/*
 * prompt.c: prompt and line stand in the terminal's last row. Whatever others
 * write ends that row; when they have said it, prompt and line are drawn anew
 * behind it. Nobody announces that, so it is looked for while no key comes.
 */
#include "guest/control/prompt.h"

#include "guest/control/command.h"
#include "guest/control/complete.h"
#include "guest/control/ctl.h"
#include "guest/control/line.h"
#include "guest/control/terminal.h"
#include "guest/lib/console.h"
#include "guest/lib/guest.h"

#define PROMPT  "flagstone> "
#define LOOK_MS 150u
#define LOOKS   7u /* who goes on and on is not waited for any longer */

static struct line line;

static struct {
    uint64_t broken, others; /* FLAGSTONE_CTL_shown, at the last look */
    bool pending;            /* the row is broken and not drawn anew */
    unsigned looks;          /* since then */
} shown;

static void draw(void)
{
    static char out[LINE_DRAW(200)];
    const size_t n =
        line_draw(&line, PROMPT, shell_columns(), out, sizeof(out));

    console_write(out, n);
    shown.pending = false;
}

/* What a command prints, and what others did meanwhile, was no row of ours. */
static void look(bool first)
{
    struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_shown);
    bool quiet;

    if (ctl_try(c))
        return;
    quiet = c->offset == shown.others;
    if (!first && c->n != shown.broken && !shown.pending) {
        shown.pending = true;
        shown.looks = 0;
    }
    shown.broken = c->n;
    shown.others = c->offset;
    if (shown.pending && (quiet || ++shown.looks == LOOKS))
        draw();
}

static void obey(void)
{
    printk("\n");
    shell_begin();
    if (!command_line(line.text, line.len))
        printk("%s\n", shell_why());
    line_start(&line);
    look(true);
}

static void leave(void)
{
    printk("\n");
    if (!ctl_with_number(FLAGSTONE_CTL_end, 0))
        printk("%s\n", shell_why());
}

static void press(unsigned char key)
{
    switch (line_key(&line, key)) {
    case LINE_NONE:
        return;
    case LINE_DONE:
        obey();
        break;
    case LINE_TOO_LONG:
        printk("\na line has at most %u characters: it is not run\n",
               LINE_SIZE - 1);
        break;
    case LINE_COMPLETE:
        complete(&line);
        break;
    case LINE_CANCEL:
        printk("^C\n");
        break;
    case LINE_CLEAR:
        printk("\x1b[H\x1b[2J");
        break;
    case LINE_END:
        printk("(quit ends)\n");
        break;
    case LINE_LEAVE:
        leave();
        break;
    case LINE_CHANGED:
        break;
    }
    draw();
}

noreturn_fn void prompt(void)
{
    shell_set_columns(terminal_columns());
    printk("Flagstone's control guest; help shows what can be asked for.\n");
    line_init(&line);
    look(true);
    draw();
    for (;;) {
        const int key = terminal_key(LOOK_MS);

        if (key < 0)
            look(false);
        else
            press((unsigned char)key);
    }
}
