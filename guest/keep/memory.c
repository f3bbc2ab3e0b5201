/* SPDX-License-Identifier: MIT */
/*
 * memory.c: all free memory in spans of 512 pfns, mapped in every address
 * space, each word as pattern.h says. A pfn that is a hole of the p2m is out.
 */
#include "guest/keep/keep.h"
#include "guest/lib/pattern.h"
#include "guest/lib/spare.h"

#define MAX_BLOCKS  1024u
#define SMALL_SPARE 96u /* frames that the boot area has in any case */

pfn_t memory_block[MAX_BLOCKS];
unsigned memory_blocks;
uint64_t memory_round;
static unsigned cursor; /* block that is checked next */

/* --- how it is mapped ---------------------------------------------------- */

/* Level-1 tables beforehand: one for each large mapping there may be. */
static uint64_t spares_wanted(void)
{
    uint64_t spaces = cmdline_number("spaces", 0);
    uint64_t spans = frame_count() / BLOCK_FRAMES;
    return spans * (spaces + !cmdline_is("data", "small"));
}

/* The first spans behind the boot area hold tables if that is too small. */
static uint64_t pool_spans(void)
{
    uint64_t frames = spares_wanted() + 5 * cmdline_number("spaces", 0) + 8;
    return frames <= SMALL_SPARE ? 0 : frames / BLOCK_FRAMES + 1;
}

/* Asked in ascending order while the linear map is made, and at any time. */
bool guest_large_map(pfn_t first)
{
    static uint64_t pool_end;
    if (!pool_end)
        pool_end = first.v + pool_spans() * BLOCK_FRAMES;
    return first.v >= pool_end && !cmdline_is("data", "small");
}

void memory_spaces(void)
{
    static const uint64_t kinds[] = {PT_KERNEL_RO, PT_KERNEL_RW | PTE_NX,
                                     PT_KERNEL_RO | PTE_NX};
    space_init();
    for (unsigned i = 0; i < config.spaces; i++)
        space_add(kinds[i % ARRAY_SIZE(kinds)]);
    if (!spare_add(spares_wanted()))
        report_end(REPORT_ERROR, "too little memory for so many spaces");
}

void memory_take(void)
{
    while (memory_blocks < MAX_BLOCKS) {
        pfn_t first = frame_block_alloc();
        if (first.v == PFN_NONE.v)
            break;
        memory_block[memory_blocks++] = first;
        for (unsigned i = 1; i < space_count(); i++)
            REQUIRE(space_map(space_nth(i), first));
    }
    REQUIRE(memory_blocks > 0);
}

/* --- what is in it ------------------------------------------------------- */

static bool is_there(pfn_t pfn)
{
    return frame_mfn(pfn).v != MFN_NONE.v;
}

void memory_fill(pfn_t pfn)
{
    pattern_fill(frame_va(pfn), pfn);
}

void memory_fill_all(void)
{
    for (unsigned b = 0; b < memory_blocks; b++)
        for (unsigned i = 0; i < BLOCK_FRAMES; i++)
            memory_fill(pfn_of(memory_block[b].v + i));
}

static noreturn_fn void wrong(const struct memory_look *l)
{
    const uint64_t *page;
    char text[160];
    space_switch(l->space);
    page = space_va(l->space, l->pfn);
    format(text, sizeof(text), "pfn %#lx offset %#x holds %#lx, not %#lx",
           l->pfn.v, l->at * 8, page[l->at],
           pattern_word(l->pfn, (unsigned)l->at));
    space_switch(space_nth(0));
    printk("%s: memory is wrong: %s\n", config.name, text);
    report_end(REPORT_FAILURE, text);
}

/* As far as it is right. */
static bool look_at_block(struct memory_look *l, unsigned b)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        l->pfn = pfn_of(memory_block[b].v + i);
        if (!is_there(l->pfn))
            continue;
        l->at = pattern_check(space_va(l->space, l->pfn), l->pfn);
        if (l->at >= 0)
            return false;
        l->pages++;
    }
    return true;
}

void memory_look(struct memory_look *l)
{
    space_switch(l->space);
    l->pages = 0;
    l->right = true;
    for (unsigned b = 0; b < memory_blocks && l->right; b++)
        l->right = look_at_block(l, b);
}

uint64_t memory_looked(const struct memory_look *l)
{
    if (!l->right)
        wrong(l);
    return l->pages;
}

/* The number of pages that were there and right. */
static uint64_t check_block(const struct space *s, unsigned b)
{
    struct memory_look l = {.space = s};
    if (s != space_nth(0))
        space_switch(s);
    l.right = look_at_block(&l, b);
    if (s != space_nth(0))
        space_switch(space_nth(0));
    return memory_looked(&l);
}

/* All of it, through every address space. */
void memory_check_all(const char *when)
{
    uint64_t pages = 0, start = tsc_read();
    helpers_begin();
    for (unsigned i = 0; i < space_count(); i++)
        for (unsigned b = 0; b < memory_blocks; b++)
            pages += check_block(space_nth(i), b);
    pages /= space_count();
    helpers_end(pages);
    printk("%s: %s: memory intact: %lu MiB checked\n", config.name, when,
           pages >> 8);
    printk(
        "@{\"keep\":\"intact\",\"name\":\"%s\",\"when\":\"%s\",\"pages\":%lu,"
        "\"spaces\":%u,\"helpers\":%u,\"ticks\":%lu}\n",
        config.name, when, pages, space_count(), config.helpers,
        tsc_read() - start);
}

/* One block of a memory_round; each memory_round looks through another address
 * space. */
void memory_check_some(void)
{
    check_block(space_nth((unsigned)(memory_round % space_count())), cursor);
    if (++cursor < memory_blocks)
        return;
    cursor = 0;
    memory_round++;
}

void memory_spoil(void)
{
    pfn_t pfn = pfn_of(memory_block[memory_blocks / 2].v + 77);
    ((uint64_t *)frame_va(pfn))[5] ^= BIT(40);
}
