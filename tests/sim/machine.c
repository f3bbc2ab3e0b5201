/* SPDX-License-Identifier: MIT */
/* machine.c: see machine.h. */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

#include "port.h"

/* --- which frames are given out ------------------------------------------- */

static void set_map(struct machine *m, uint64_t block, uint64_t word)
{
    for (unsigned i = 0; i < BLOCK_FRAMES / 64; i++)
        m->map[block * (BLOCK_FRAMES / 64) + i] = word;
}

/* Does not wait for what is cut, or for what may have been its own. */
static void ideal_get(struct machine_counts *c, bool waits)
{
    const bool dirty = c->ideal_dirty > 0 && (!waits || c->ideal_clean == 0);

    if (dirty)
        c->ideal_dirty--;
    else if (c->ideal_clean > 0)
        c->ideal_clean--;
    c->ideal_waits += dirty && waits;
}

static void ideal_idle(struct machine_counts *c, uint64_t blocks)
{
    const uint64_t n = MIN(blocks, c->ideal_dirty);

    c->ideal_dirty -= n;
    c->ideal_clean += n;
}

void machine_frame_used(struct machine *m, uint64_t frame, bool fixed)
{
    uint64_t b = frame / BLOCK_FRAMES;

    if (m->live[b] == 0) {
        set_map(m, b, 0);
        ideal_get(&m->count, false);
    } else {
        BUG_IF(m->live[b] == BLOCK_FRAMES ||
               (m->map[frame / 64] >> (frame % 64) & 1));
    }
    m->map[frame / 64] |= BIT(frame % 64);
    m->live[b]++;
    m->fixed[b] = (uint16_t)(m->fixed[b] + fixed);
    m->used++;
}

void machine_frame_freed(struct machine *m, uint64_t frame, bool fixed)
{
    uint64_t b = frame / BLOCK_FRAMES;

    if (m->live[b] == BLOCK_FRAMES)
        set_map(m, b, ~UINT64_C(0));
    BUG_IF(m->live[b] == 0 || !(m->map[frame / 64] >> (frame % 64) & 1));
    m->map[frame / 64] &= ~BIT(frame % 64);
    m->count.ideal_dirty += --m->live[b] == 0;
    m->fixed[b] = (uint16_t)(m->fixed[b] - fixed);
    m->used--;
}

static void block_used(struct machine *m, uint64_t b, bool back)
{
    BUG_IF(m->live[b]);
    m->live[b] = BLOCK_FRAMES;
    m->used += BLOCK_FRAMES;
    m->count.gets++;
    ideal_get(&m->count, !back);
}

static void block_freed(struct machine *m, uint64_t b)
{
    BUG_IF(m->live[b] != BLOCK_FRAMES);
    m->live[b] = 0;
    m->used -= BLOCK_FRAMES;
    m->count.puts++;
    m->count.ideal_dirty++;
}

/* --- making and ending ---------------------------------------------------- */

struct machine *machine_make(const struct allocator_ops *ops,
                             const struct allocator_config *c)
{
    struct machine *m = calloc(1, sizeof(*m));

    m->ops = ops;
    m->config = *c;
    m->live = sim_map(c->blocks * sizeof(*m->live));
    m->fixed = sim_map(c->blocks * sizeof(*m->fixed));
    m->map = sim_map(c->blocks * BLOCK_FRAMES / 8);
    m->numbers = malloc(ALLOCATOR_OWNERS * sizeof(*m->numbers));
    for (unsigned n = ALLOCATOR_OWNERS; n > 0; n--)
        m->numbers[m->nr_numbers++] = (uint16_t)n;
    m->count.ideal_clean = c->blocks;
    machine_frame_used(m, 0, true); /* where there is no RAM */
    m->a = ops->make(c);
    return m;
}

const char *machine_end(struct machine *m)
{
    struct allocator_stats s;
    const char *wrong = m->ops->check(m->a);

    m->ops->stats(m->a, &s);
    if (!wrong && (m->used != 1 || s.whole != m->config.blocks - 1))
        wrong = "not all blocks came back";
    m->ops->end(m->a);
    sim_unmap(m->live, m->config.blocks * sizeof(*m->live));
    sim_unmap(m->fixed, m->config.blocks * sizeof(*m->fixed));
    sim_unmap(m->map, m->config.blocks * BLOCK_FRAMES / 8);
    free(m->tenant);
    free(m->numbers);
    free(m);
    return wrong;
}

/* --- a tenant's pages ----------------------------------------------------- */

static void make_small(struct span *s)
{
    if (s->small)
        return;
    s->small = malloc(BLOCK_FRAMES * sizeof(*s->small));
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        s->small[i] = s->block == SPAN_NOTHING ? SPAN_NOTHING
                                               : s->block * BLOCK_FRAMES + i;
    s->block = SPAN_NOTHING;
}

static bool has_page(const struct span *s, unsigned i)
{
    return s->block != SPAN_NOTHING ||
           (s->small && s->small[i] != SPAN_NOTHING);
}

static uint64_t frame_of(const struct span *s, unsigned i)
{
    return s->small ? s->small[i] : (uint64_t)s->block * BLOCK_FRAMES + i;
}

static void get_frames(struct machine *m, struct tenant *t, uint64_t page,
                       unsigned n)
{
    struct span *s = &t->span[page / BLOCK_FRAMES];
    unsigned at = (unsigned)(page % BLOCK_FRAMES), got, k = 0;
    mfn_t out[BLOCK_FRAMES];

    got = m->ops->frames_get(m->a, t->number, out, n);
    m->count.short_frames += n - got;
    if (got == 0)
        return;
    make_small(s);
    for (unsigned i = at; i < at + n && k < got; i++) {
        if (has_page(s, i))
            continue;
        s->small[i] = (uint32_t)out[k].v;
        machine_frame_used(m, out[k++].v, false);
    }
    BUG_IF(k != got); /* a trace gets what is not there */
}

static void put_frames(struct machine *m, struct tenant *t, uint64_t page,
                       unsigned n)
{
    struct span *s = &t->span[page / BLOCK_FRAMES];
    unsigned at = (unsigned)(page % BLOCK_FRAMES), k = 0;
    mfn_t out[BLOCK_FRAMES];

    make_small(s);
    for (unsigned i = at; i < at + n; i++) {
        if (!has_page(s, i))
            continue; /* it was refused */
        out[k] = mfn_of(s->small[i]);
        s->small[i] = SPAN_NOTHING;
        machine_frame_freed(m, out[k++].v, false);
    }
    if (k > 0)
        m->ops->frames_put(m->a, t->number, out, k);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        if (has_page(s, i))
            return;
    free(s->small);
    s->small = NULL;
}

static void note_most(struct machine *m)
{
    m->count.most_blocks = MAX(m->count.most_blocks, m->used / BLOCK_FRAMES);
}

static void get_block(struct machine *m, struct tenant *t, uint64_t page,
                      bool back)
{
    struct span *s = &t->span[page / BLOCK_FRAMES];
    bool claimed = t->claimed > 0;
    mfn_t at;

    m->count.asked++;
    t->claimed -= claimed;
    if (!s->small && m->ops->block_get(m->a, t->number, back, &at)) {
        s->block = (uint32_t)(at.v / BLOCK_FRAMES);
        block_used(m, s->block, back);
        return;
    }
    m->count.refused++;
    m->count.violations += claimed;
    get_frames(m, t, page, BLOCK_FRAMES);
}

static void get_region(struct machine *m, struct tenant *t, uint64_t page,
                       bool back)
{
    uint64_t first = page / BLOCK_FRAMES;
    mfn_t at;

    m->count.regions_asked++;
    if (!m->ops->region_get || !m->ops->region_get(m->a, t->number, &at)) {
        m->count.regions_refused++;
        for (unsigned i = 0; i < REGION_BLOCKS; i++)
            get_block(m, t, page + i * BLOCK_FRAMES, back);
        return;
    }
    m->count.asked += REGION_BLOCKS;
    t->claimed -= MIN(t->claimed, (uint64_t)REGION_BLOCKS);
    for (unsigned i = 0; i < REGION_BLOCKS; i++) {
        t->span[first + i].block = (uint32_t)(at.v / BLOCK_FRAMES) + i;
        block_used(m, at.v / BLOCK_FRAMES + i, back);
    }
}

static void put_block(struct machine *m, struct tenant *t, uint64_t page)
{
    struct span *s = &t->span[page / BLOCK_FRAMES];

    if (s->block == SPAN_NOTHING) {
        put_frames(m, t, page, BLOCK_FRAMES);
        return;
    }
    block_freed(m, s->block);
    m->ops->block_put(m->a, t->number,
                      mfn_of((uint64_t)s->block * BLOCK_FRAMES));
    s->block = SPAN_NOTHING;
}

static void get(struct machine *m, struct tenant *t, const struct trace_op *op)
{
    uint64_t size = UINT64_C(1) << op->order;
    bool back = op->kind == TRACE_BACK;

    for (uint64_t k = 0; k < op->n; k++) {
        uint64_t page = op->tag + k * size;

        if (op->order == 18)
            get_region(m, t, page, back);
        else if (op->order == 9)
            get_block(m, t, page, back);
        else
            get_frames(m, t, page, (unsigned)size);
    }
    note_most(m);
}

static void put(struct machine *m, struct tenant *t, const struct trace_op *op)
{
    uint64_t size = UINT64_C(1) << op->order;

    for (uint64_t p = op->tag; p < op->tag + op->n * size;) {
        if (op->order >= 9)
            put_block(m, t, p);
        else
            put_frames(m, t, p, (unsigned)size);
        p += MIN(size, (uint64_t)BLOCK_FRAMES);
    }
}

/* --- what is not a page's own --------------------------------------------- */

static void get_hv(struct machine *m, struct tenant *t, uint64_t n)
{
    t->hv = realloc(t->hv, (t->nr_hv + n) * sizeof(*t->hv));
    for (uint64_t k = 0; k < n; k++) {
        if (!m->ops->hv_get(m->a, t->number, &t->hv[t->nr_hv])) {
            m->count.hv_refused++;
            continue;
        }
        machine_frame_used(m, t->hv[t->nr_hv++].v, true);
    }
}

static void put_hv(struct machine *m, struct tenant *t)
{
    while (t->nr_hv) {
        mfn_t at = t->hv[--t->nr_hv];

        machine_frame_freed(m, at.v, true);
        m->ops->hv_put(m->a, at);
    }
    free(t->hv);
}

/* Which frames cannot move is counted by block; so a page is asked once. */
static void refer(struct machine *m, struct tenant *t,
                  const struct trace_op *op)
{
    bool type = op->kind == TRACE_TYPE || op->kind == TRACE_UNTYPE;
    bool more = op->kind == TRACE_TYPE || op->kind == TRACE_PIN;

    for (uint64_t p = op->tag; p < op->tag + op->n; p++) {
        const struct span *s = &t->span[p / BLOCK_FRAMES];
        unsigned i = (unsigned)(p % BLOCK_FRAMES);
        uint64_t frame = frame_of(s, i);

        if (!has_page(s, i))
            continue;
        m->fixed[frame / BLOCK_FRAMES] =
            (uint16_t)(m->fixed[frame / BLOCK_FRAMES] + (more ? 1 : -1));
        if (more && m->ops->ref)
            m->count.table_refused +=
                !m->ops->ref(m->a, t->number, mfn_of(frame), type);
        else if (!more && m->ops->unref)
            m->ops->unref(m->a, t->number, mfn_of(frame), type);
    }
}

static void map_small(struct machine *m, struct tenant *t,
                      const struct trace_op *op)
{
    uint64_t first = op->tag / BLOCK_FRAMES;

    for (uint64_t k = first; m->ops->small && k < first + op->n; k++)
        if (t->span[k].block != SPAN_NOTHING)
            m->count.table_refused += !m->ops->small(
                m->a, t->number, mfn_of(frame_of(&t->span[k], 0)));
}

/* --- tenants -------------------------------------------------------------- */

static void room_for(struct machine *m, uint32_t owner)
{
    uint32_t had = m->nr_tenants;

    if (owner < had)
        return;
    m->nr_tenants = owner + 1 + had / 2;
    m->tenant = realloc(m->tenant, m->nr_tenants * sizeof(struct tenant *));
    memset(m->tenant + had, 0, (m->nr_tenants - had) * sizeof(struct tenant *));
}

static void begin(struct machine *m, const struct trace_op *op)
{
    struct tenant *t = calloc(1, sizeof(*t));

    room_for(m, op->owner);
    if (m->nr_numbers == 0)
        bug(__FILE__, __LINE__, "more machines at a time than there may be");
    t->number = m->numbers[--m->nr_numbers];
    if (!m->ops->begin(m->a, t->number, op->n)) {
        m->count.asked += op->n;
        m->count.refused += op->n;
        m->count.turned_away++;
        m->numbers[m->nr_numbers++] = (uint16_t)t->number;
        free(t);
        return;
    }
    m->count.begun++;
    t->nr = t->claimed = op->n;
    t->span = malloc(t->nr * sizeof(*t->span));
    for (uint64_t i = 0; i < t->nr; i++)
        t->span[i] = (struct span){SPAN_NOTHING, NULL};
    m->tenant[op->owner] = t;
}

static void end(struct machine *m, struct tenant *t, uint32_t owner)
{
    for (uint64_t i = 0; i < t->nr; i++)
        if (t->span[i].block != SPAN_NOTHING || t->span[i].small)
            put_block(m, t, i * BLOCK_FRAMES);
    put_hv(m, t);
    m->ops->leave(m->a, t->number);
    m->numbers[m->nr_numbers++] = (uint16_t)t->number;
    m->tenant[owner] = NULL;
    free(t->span);
    free(t);
}

static bool within(const struct trace_op *op, uint64_t blocks)
{
    const uint64_t pages = blocks * BLOCK_FRAMES;

    if (op->kind == TRACE_HV)
        return op->n <= 1u << 20;
    return op->order <= 18 && (op->order <= 9 || op->order == 18) &&
           op->tag % (UINT64_C(1) << op->order) == 0 && op->tag <= pages &&
           op->n <= (pages - op->tag) >> op->order;
}

bool machine_may(const struct machine *m, const struct trace_op *op)
{
    bool there = op->owner < m->nr_tenants && m->tenant[op->owner];

    if (strchr("ICM", (int)op->kind))
        return true;
    if (op->kind == TRACE_BEGIN)
        return !there && op->owner < 1u << 24 && op->n > 0 &&
               op->n <= m->config.blocks;
    return !there || op->kind == TRACE_END ||
           within(op, m->tenant[op->owner]->nr);
}

static void do_for(struct machine *m, struct tenant *t,
                   const struct trace_op *op)
{
    switch (op->kind) {
    case TRACE_END:
        end(m, t, op->owner);
        break;
    case TRACE_GET:
    case TRACE_BACK:
        get(m, t, op);
        break;
    case TRACE_PUT:
        put(m, t, op);
        break;
    case TRACE_HV:
        get_hv(m, t, op->n);
        break;
    case TRACE_SMALL:
        map_small(m, t, op);
        break;
    default:
        refer(m, t, op);
    }
}

void machine_do(struct machine *m, const struct trace_op *op)
{
    switch (op->kind) {
    case TRACE_BEGIN:
        begin(m, op);
        break;
    case TRACE_IDLE:
        ideal_idle(&m->count, op->n);
        if (m->ops->idle)
            m->ops->idle(m->a, op->n);
        break;
    case TRACE_COMPACT:
        if (m->ops->moves)
            machine_compact(m);
        break;
    case TRACE_SAMPLE: /* metrics.h */
        break;
    default:
        if (op->owner < m->nr_tenants && m->tenant[op->owner])
            do_for(m, m->tenant[op->owner], op);
    }
}
