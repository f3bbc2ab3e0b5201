/* SPDX-License-Identifier: MIT */
/*
 * frame.c: the tables that hold frame words: made when a block is first used
 * at 4 KiB grain, given back when every frame is in its default state again.
 */
#include <string.h>

#include "mm/alloc/frame.h"
#include "mm/alloc/keeper.h"

static void table_fill(struct frame_table *t, uint64_t word)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        atomic_store_explicit(&t->word[i], word, memory_order_relaxed);
}

enum err frame_table_make(struct mm *mm, struct mm_domain *d, struct block *b)
{
    mfn_t pair;
    enum err rc = alloc_frame_table_get(mm, &pair);

    if (rc)
        return rc;
    table_fill(frame_table_at(mm, (uint32_t)pair.v), frame_word_owned(d->id));
    WRITE_ONCE(b->table, (uint32_t)pair.v); /* frame_trim() looks at it */
    d->frame_tables++;
    return ERR_NONE;
}

void frame_table_drop(struct mm *mm, struct mm_domain *d, struct block *b)
{
    uint32_t table = b->table;

    ASSERT(table);
    WRITE_ONCE(b->table, 0);
    d->frame_tables--;
    alloc_frame_table_put(mm, mfn_of(table));
}

bool frame_table_trim(struct mm *mm, struct mm_domain *d, struct block *b)
{
    const struct frame_table *t;

    if (b->table == 0)
        return true;
    t = frame_table_at(mm, b->table);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        uint64_t w = atomic_load_explicit(&t->word[i], memory_order_relaxed);

        if (!frame_is_idle(w, d->id))
            return false;
    }
    frame_table_drop(mm, d, b);
    return true;
}

/*
 * Is some frame's last type still needed, because translations made under it
 * may be cached (must_flush())? A new table would have forgotten.
 */
static bool remembers(const struct mm *mm, const struct mm_domain *d,
                      const struct block *b)
{
    const struct frame_table *t = frame_table_at(mm, b->table);

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        if (frame_type(t->word[i]) != FRAME_NONE &&
            t->stamp[i] == (uint16_t)d->tlb_epoch)
            return true;
    return false;
}

static struct mm_domain *owner_of(const struct mm *mm, uint64_t word)
{
    struct mm_domain *d = mm->domains;

    while (d && !block_owned_by(word, d->id))
        d = d->next;
    return d;
}

/* The block was d's, at least before its lock was taken. */
static bool trim(struct mm *mm, struct mm_domain *d, struct block *b)
{
    return block_owned_by(b->word, d->id) && b->table && !d->moving &&
           !(b->word & BLOCK_SMALL_USE) && !remembers(mm, d, b) &&
           frame_table_trim(mm, d, b);
}

/*
 * Shared blocks have no owner, and keep their table. Who is busy with its
 * memory is left alone.
 */
uint64_t frame_trim(struct mm *mm, uint64_t n)
{
    uint64_t done = 0;

    for (; n > 0; n--) {
        struct block *b = &mm->blocks[mm->trim_cursor];
        struct mm_domain *d =
            READ_ONCE(b->table) ? owner_of(mm, b->word) : NULL;
        struct mm_op op;

        if (d && mm_op_try(&op, d)) {
            done += trim(mm, d, b);
            mm_op_end(&op);
        }
        mm->trim_cursor = (mm->trim_cursor + 1) % mm->nr_blocks;
    }
    return done;
}

/*
 * Another CPU may close a shared block in which the domain has no frame, and
 * what was its table is something else then: so under the lock. What is found
 * stays so: only op's domain gives its frames away, and while it has one there
 * the block is not closed.
 */
bool frame_in_shared(const struct mm_op *op, const struct block *b, mfn_t m)
{
    struct spin *lock = &op->mm->shared.lock;
    struct frame f;
    bool yes = false;

    spin_lock(lock);
    if (block_class(b->word) == BLOCK_SHARED) {
        f = frame_held(op->mm, m);
        yes = frame_owner(frame_word(&f)) == op->d->id;
    }
    spin_unlock(lock);
    return yes;
}

unsigned frame_next_in_shared(const struct mm_op *op, const struct block *b,
                              unsigned i)
{
    struct spin *lock = &op->mm->shared.lock;
    struct frame_table *t;

    spin_lock(lock);
    t = block_class(b->word) == BLOCK_SHARED ? frame_table_at(op->mm, b->table)
                                             : NULL;
    if (!t || !keeper_find(t, op->d))
        i = BLOCK_FRAMES;
    while (i < BLOCK_FRAMES && frame_owner(t->word[i]) != op->d->id)
        i++;
    spin_unlock(lock);
    return i;
}

enum err frame_find_shared(const struct mm_op *op, const struct block *b,
                           mfn_t m)
{
    switch (block_class(b->word)) {
    case BLOCK_SHARED:
        return frame_in_shared(op, b, m) ? ERR_NONE : ERR_BUSY;
    case BLOCK_NOT_RAM:
        return ERR_PERM;
    default:
        return ERR_BUSY;
    }
}

/* Might the frame be the domain's? NULL: it is not. */
static const struct block *block_concerned(const struct mm_op *op, mfn_t m)
{
    const struct block *b;

    if (!mm_mfn_valid(op->mm, m))
        return NULL;
    b = mm_block(op->mm, blk_of_mfn(m));
    if (block_owned_by(b->word, op->d->id))
        return b;
    return block_class(b->word) == BLOCK_SHARED && frame_in_shared(op, b, m)
               ? b
               : NULL;
}

bool frame_owned(const struct mm_op *op, mfn_t m)
{
    return block_concerned(op, m) &&
           frame_owner(frame_word_of(op->mm, m, op->d->id)) == op->d->id;
}

bool frame_find_worded(const struct mm_op *op, mfn_t m, struct frame *out)
{
    const struct block *b = block_concerned(op, m);

    if (!b || b->table == 0)
        return false;
    *out = frame_held(op->mm, m);
    return frame_owner(frame_word(out)) == op->d->id;
}
