/* SPDX-License-Identifier: MIT */
/* shown.c: see shown.h: one table of features, and what each needs. */
#include "hv/domain/shown.h"

#include "hv/base/print.h"
#include "hv/base/string.h"

/*
 * Names as Linux prints them. Level: of the x86-64 psABI (3.1.1) and what a
 * PV kernel needs besides; 0: of none, shown by cpu=host only.
 */
struct feature {
    const char *name;
    uint8_t word, bit, level;
};

#define F(name, word, bit, level)                                              \
    {                                                                          \
        name, SHOWN_##word, bit, level                                         \
    }

static const struct feature features[] = {
    F("pni", 1C, 0, 2),
    F("pclmulqdq", 1C, 1, 0),
    F("ssse3", 1C, 9, 2),
    F("fma", 1C, 12, 3),
    F("cx16", 1C, 13, 2),
    F("sse4_1", 1C, 19, 2),
    F("sse4_2", 1C, 20, 2),
    F("movbe", 1C, 22, 3),
    F("popcnt", 1C, 23, 2),
    F("aes", 1C, 25, 0),
    F("xsave", 1C, 26, 3),
    F("avx", 1C, 28, 3),
    F("f16c", 1C, 29, 3),
    F("rdrand", 1C, 30, 0),
    F("fpu", 1D, 0, 1),
    F("de", 1D, 2, 1),
    F("pse", 1D, 3, 0),
    F("tsc", 1D, 4, 1),
    F("msr", 1D, 5, 1),
    F("pae", 1D, 6, 1),
    F("cx8", 1D, 8, 1),
    F("apic", 1D, 9, 1),
    F("cmov", 1D, 15, 1),
    F("pat", 1D, 16, 1),
    F("clflush", 1D, 19, 1),
    F("mmx", 1D, 23, 1),
    F("fxsr", 1D, 24, 1),
    F("sse", 1D, 25, 1),
    F("sse2", 1D, 26, 1),
    F("ss", 1D, 27, 0),
    F("bmi1", 7B, 3, 3),
    F("avx2", 7B, 5, 3),
    F("bmi2", 7B, 8, 3),
    F("erms", 7B, 9, 0),
    F("avx512f", 7B, 16, 4),
    F("avx512dq", 7B, 17, 4),
    F("rdseed", 7B, 18, 0),
    F("adx", 7B, 19, 0),
    F("avx512ifma", 7B, 21, 0),
    F("clflushopt", 7B, 23, 0),
    F("clwb", 7B, 24, 0),
    F("avx512cd", 7B, 28, 4),
    F("sha_ni", 7B, 29, 0),
    F("avx512bw", 7B, 30, 4),
    F("avx512vl", 7B, 31, 4),
    F("prefetchwt1", 7C, 0, 0),
    F("avx512vbmi", 7C, 1, 0),
    F("avx512_vbmi2", 7C, 6, 0),
    F("gfni", 7C, 8, 0),
    F("vaes", 7C, 9, 0),
    F("vpclmulqdq", 7C, 10, 0),
    F("avx512_vnni", 7C, 11, 0),
    F("avx512_bitalg", 7C, 12, 0),
    F("avx512_vpopcntdq", 7C, 14, 0),
    F("fsrm", 7D, 4, 0),
    /* XSAVES would need an MSR. */
    F("xsaveopt", D1A, 0, 0),
    F("xsavec", D1A, 1, 0),
    F("xgetbv1", D1A, 2, 0),
    F("lahf_lm", X1C, 0, 2),
    F("abm", X1C, 5, 3),
    F("sse4a", X1C, 6, 0),
    F("misalignsse", X1C, 7, 0),
    F("3dnowprefetch", X1C, 8, 0),
    F("xop", X1C, 11, 0),
    F("fma4", X1C, 16, 0),
    F("tbm", X1C, 21, 0),
    /* AMD's copies of leaf 1, which do not reach to bit 26: there 1 GiB pages
     * stand in for SSE2. */
    F("fpu", X1D, 0, 1),
    F("de", X1D, 2, 1),
    F("pse", X1D, 3, 0),
    F("tsc", X1D, 4, 1),
    F("msr", X1D, 5, 1),
    F("pae", X1D, 6, 1),
    F("cx8", X1D, 8, 1),
    F("apic", X1D, 9, 1),
    F("syscall", X1D, 11, 1),
    F("cmov", X1D, 15, 1),
    F("pat", X1D, 16, 1),
    F("nx", X1D, 20, 1),
    F("mmxext", X1D, 22, 0),
    F("mmx", X1D, 23, 1),
    F("fxsr", X1D, 24, 1),
    F("fxsr_opt", X1D, 25, 0),
    F("pdpe1gb", X1D, 26, 0),
    F("lm", X1D, 29, 1),
    /* An invariant TSC. */
    F("nonstop_tsc", X7D, 8, 0),
};

struct bit {
    uint8_t word, bit;
};

#define XSAVE                                                                  \
    {                                                                          \
        SHOWN_1C, 26                                                           \
    }
#define AVX                                                                    \
    {                                                                          \
        SHOWN_1C, 28                                                           \
    }
#define AVX2                                                                   \
    {                                                                          \
        SHOWN_7B, 5                                                            \
    }
#define AVX512F                                                                \
    {                                                                          \
        SHOWN_7B, 16                                                           \
    }

/* No second without the first; what is first has been second before. */
static const struct {
    struct bit first, second;
} needs[] = {
    {XSAVE, {SHOWN_D1A, 0}}, /* xsaveopt, xsavec, xgetbv1 */
    {XSAVE, {SHOWN_D1A, 1}},
    {XSAVE, {SHOWN_D1A, 2}},
    {XSAVE, AVX},
    {AVX, {SHOWN_1C, 12}}, /* fma, f16c, xop, fma4, vaes, vpclmulqdq */
    {AVX, {SHOWN_1C, 29}},
    {AVX, {SHOWN_X1C, 11}},
    {AVX, {SHOWN_X1C, 16}},
    {AVX, {SHOWN_7C, 9}},
    {AVX, {SHOWN_7C, 10}},
    {AVX, AVX2},
    {AVX2, AVX512F},
    {AVX512F, {SHOWN_7B, 17}}, /* dq, ifma, cd, bw, vl */
    {AVX512F, {SHOWN_7B, 21}},
    {AVX512F, {SHOWN_7B, 28}},
    {AVX512F, {SHOWN_7B, 30}},
    {AVX512F, {SHOWN_7B, 31}},
    {AVX512F, {SHOWN_7C, 1}}, /* vbmi, vbmi2, vnni, bitalg, vpopcntdq */
    {AVX512F, {SHOWN_7C, 6}},
    {AVX512F, {SHOWN_7C, 11}},
    {AVX512F, {SHOWN_7C, 12}},
    {AVX512F, {SHOWN_7C, 14}},
};

static const char *const levels[] = {"host", "x86-64", "x86-64-v2", "x86-64-v3",
                                     "x86-64-v4"};

/* All that have a name, of a level or more. */
static uint32_t word_of(unsigned word, unsigned level)
{
    uint32_t bits = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(features); i++)
        if (features[i].word == word && features[i].level >= level)
            bits |= UINT32_C(1) << features[i].bit;
    return bits;
}

static bool has(const struct shown *s, struct bit b)
{
    return s->word[b.word] >> b.bit & 1;
}

/* --- XSAVE --------------------------------------------------------------- */

uint64_t shown_xcr0(const struct shown *s)
{
    uint64_t xcr0 = has(s, (struct bit)XSAVE) ? XCR0_X87 | XCR0_SSE : 0;

    if (has(s, (struct bit)AVX))
        xcr0 |= XCR0_AVX;
    return has(s, (struct bit)AVX512F) ? xcr0 | XCR0_AVX512 : xcr0;
}

struct xstate_layout shown_layout(const struct shown *s)
{
    struct xstate_layout l = {.mask = shown_xcr0(s)};

    memcpy(l.offset, s->offset, sizeof(l.offset));
    return l;
}

/* Only what goes with the features, so that equal means equal. */
static void trim_offsets(struct shown *s)
{
    uint64_t xcr0 = shown_xcr0(s);

    for (unsigned i = 0; i < XSTATE_N; i++)
        if (i < 2 || !(xcr0 & BIT(i)))
            s->offset[i] = 0;
}

/* --- large pages --------------------------------------------------------- */

/* PSE, AMD's copy of it, and 1 GiB. */
static const uint32_t large[SHOWN_WORDS] = {
    [SHOWN_1D] = UINT32_C(1) << 3,
    [SHOWN_X1D] = UINT32_C(1) << 3 | UINT32_C(1) << 26,
};

uint32_t shown_now(const struct shown *s, enum shown_word word)
{
    const bool late =
        __atomic_load_n(&s->pse, __ATOMIC_RELAXED) == SHOWN_PSE_LATE;

    return s->word[word] & ~(late ? large[word] : 0);
}

/* Without PSE there is no 1 GiB either. */
static void choose_large(struct shown *s, const struct shown *host,
                         const struct shown_choice *c)
{
    const bool off = c->pse == SHOWN_PSE_OFF ||
                     (c->less[SHOWN_1D] & large[SHOWN_1D]) ||
                     !(host->word[SHOWN_1D] & large[SHOWN_1D]);

    s->pse = off ? SHOWN_PSE_OFF : c->pse;
    for (unsigned w = 0; w < SHOWN_WORDS; w++) {
        s->word[w] &= ~large[w];
        if (!off)
            s->word[w] |= host->word[w] & large[w] & ~c->less[w];
    }
}

/* Could choose_large() have left it so, and time? */
static bool large_sane(const struct shown *s)
{
    const bool has_pse = s->word[SHOWN_1D] & large[SHOWN_1D];

    return s->pse <= SHOWN_PSE_NOW && has_pse == (s->pse != SHOWN_PSE_OFF) &&
           (has_pse || !(s->word[SHOWN_X1D] & large[SHOWN_X1D]));
}

/* --- choosing ------------------------------------------------------------ */

void shown_filter(struct shown *s)
{
    for (unsigned w = 0; w < SHOWN_WORDS; w++)
        s->word[w] &= word_of(w, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(needs); i++)
        if (!has(s, needs[i].first))
            s->word[needs[i].second.word] &=
                ~(UINT32_C(1) << needs[i].second.bit);
    trim_offsets(s);
}

static bool text_is(const char *s, const char *text, size_t len)
{
    return strlen(s) == len && !memcmp(s, text, len);
}

static bool parse_level(struct shown_choice *c, const char *text, size_t len)
{
    for (c->level = 0; c->level < ARRAY_SIZE(levels); c->level++)
        if (text_is(levels[c->level], text, len))
            return true;
    return false;
}

static bool parse_less(struct shown_choice *c, const char *text, size_t len)
{
    bool found = false;

    if (!len || *text != '-')
        return false;
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        const struct feature *f = &features[i];

        if (!text_is(f->name, text + 1, len - 1))
            continue;
        c->less[f->word] |= UINT32_C(1) << f->bit;
        found = true;
    }
    return found;
}

bool shown_choice_parse(struct shown_choice *c, const char *text, size_t len)
{
    bool first = true, good = true;

    *c = (struct shown_choice){.pse = c->pse};
    for (; good; first = false) {
        size_t n = 0;

        while (n < len && text[n] != ',')
            n++;
        good = first ? parse_level(c, text, n) : parse_less(c, text, n);
        if (n == len)
            break;
        text += n + 1;
        len -= n + 1;
    }
    return good;
}

/* Of the level, not taken away: what must be there. */
static enum err check_level(const struct shown *host,
                            const struct shown_choice *c, char *why)
{
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        const struct feature *f = &features[i];
        uint32_t bit = UINT32_C(1) << f->bit;

        if (f->level < 2 || f->level > c->level ||
            ((host->word[f->word] | c->less[f->word]) & bit))
            continue;
        print_format(why, SHOWN_WHY, "this processor lacks %s of cpu=%s",
                     f->name, levels[c->level]);
        return ERR_INVAL;
    }
    return ERR_NONE;
}

enum err shown_make(struct shown *out, const struct shown *host,
                    const struct shown_choice *c, char why[SHOWN_WHY])
{
    enum err rc = c->level ? check_level(host, c, why) : ERR_NONE;

    *out = *host;
    for (unsigned w = 0; w < SHOWN_WORDS; w++) {
        if (c->level) /* of the levels up to it */
            out->word[w] &= word_of(w, 1) & ~word_of(w, c->level + 1);
        out->word[w] &= ~c->less[w];
    }
    choose_large(out, host, c);
    shown_filter(out);
    return rc;
}

/* --- from an image ------------------------------------------------------- */

bool shown_sane(const struct shown *s)
{
    struct shown as_filtered = *s;

    for (unsigned i = 0; i < sizeof(s->vendor); i++)
        if (s->vendor[i] < ' ' || s->vendor[i] > '~')
            return false;
    shown_filter(&as_filtered);
    return !memcmp(&as_filtered, s, sizeof(*s)) && large_sane(s) &&
           xstate_sane(
               &(struct xstate_layout){shown_xcr0(s),
                                       {0, 0, s->offset[2], 0, 0, s->offset[5],
                                        s->offset[6], s->offset[7]}});
}

static const char *lacking(const struct shown *s, const struct shown *host)
{
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        const struct feature *f = &features[i];

        if (s->word[f->word] & ~host->word[f->word] & UINT32_C(1) << f->bit)
            return f->name;
    }
    return NULL;
}

enum err shown_fits(const struct shown *s, const struct shown *host,
                    char why[SHOWN_WHY])
{
    const char *name = lacking(s, host);

    if (memcmp(s->vendor, host->vendor, sizeof(s->vendor)) != 0) {
        print_format(why, SHOWN_WHY, "this processor is by %.12s, not by %.12s",
                     host->vendor, s->vendor);
        return ERR_INVAL;
    }
    if (name) {
        print_format(why, SHOWN_WHY, "this processor lacks %s", name);
        return ERR_INVAL;
    }
    for (unsigned i = 2; i < XSTATE_N; i++)
        if (s->offset[i] && s->offset[i] != host->offset[i]) {
            print_format(why, SHOWN_WHY,
                         "this processor has part %u of the XSAVE area "
                         "elsewhere",
                         i);
            return ERR_INVAL;
        }
    return ERR_NONE;
}
