/* SPDX-License-Identifier: MIT */
/*
 * damage.c: from a note of a machine check to what is done about it.
 *
 * Invariants: nothing that is lost is passed over: a domain's memory ends the
 * domain, free memory leaves the machine, and what is the hypervisor's own is a
 * panic if it was about to be used, or else is said. All of it with hv_lock
 * held. Corrected errors are counted, and told of once in a while, for memory
 * that fails may have thousands in a second.
 */
#include "hv/sched/damage.h"

#include "hv/arch/lock.h"
#include "hv/arch/mce.h"
#include "hv/arch/memory.h"
#include "hv/base/log.h"
#include "hv/domain/domain.h"
#include "hv/domain/vcpu.h"
#include "mm/alloc/poison.h"
#include "mm/audit/view.h"

#define SAY_EVERY UINT64_C(10000000000) /* ns */

/* --- corrected ------------------------------------------------------------ */

static struct {
    uint64_t n, said, next;
    struct mce_bank last;
} corrected;

static void say_corrected(uint64_t now)
{
    if (corrected.n == corrected.said || now < corrected.next)
        return;
    mce_say(&corrected.last);
    log_say("  %lu corrected since the start, %lu of them since the last time",
            corrected.n, corrected.n - corrected.said);
    corrected.said = corrected.n;
    corrected.next = now + SAY_EVERY;
}

static void count_corrected(const struct mce_bank *b)
{
    corrected.n++;
    corrected.last = *b;
}

/* --- lost ----------------------------------------------------------------- */

static const char *text_of(enum err rc)
{
    switch (rc) {
    case ERR_NONE:
    case ERR_EXIST:
        return "nobody is given its block again";
    case ERR_BUSY:
        return "its block is promised, and goes when it comes back";
    case ERR_NOSPC:
        return "too many blocks are lost already";
    default:
        return "it is not the allocator's";
    }
}

static bool is_hypervisors(const struct flagstone_frame *f)
{
    return f->block.kind == FLAGSTONE_BLOCK_none ||
           f->block.kind == FLAGSTONE_BLOCK_hv;
}

/* What has to be read to take its domain down. */
static bool is_table(const struct flagstone_frame *f)
{
    return f->type >= 1 && f->type <= PT_LEVELS && f->count > 0;
}

/* Who owns it ends, and is not looked at any closer: that might use it. */
static void end_owner(const struct flagstone_frame *f, mfn_t m)
{
    struct domain *d =
        f->owner == FLAGSTONE_NOBODY ? NULL : domain_find(f->owner);

    if (d) {
        d->dumped = true;
        domain_crash(d, "machine check: its memory is lost, frame %lx", m.v);
    } else if (f->owner != FLAGSTONE_NOBODY) {
        log_say("machine check: frame %lx, of an image, is lost", m.v);
    }
}

static void lost(const struct mce_bank *b, bool in_use)
{
    struct flagstone_frame f;
    mfn_t m;

    mce_say(b);
    if (!mce_frame(mce_how(), b, &m)) {
        log_say("  whose memory is lost is not said");
        return;
    }
    f = view_frame(&hv_mm, m);
    if (is_hypervisors(&f)) {
        if (in_use)
            mce_panic_late(b, "the hypervisor's own memory is lost");
        log_say("  frame %lx is not a domain's: nobody has used it yet", m.v);
        return;
    }
    if (is_table(&f))
        mce_panic_late(b, "a page table of a domain is lost");
    log_say("  frame %lx: %s", m.v, text_of(poison_frame(&hv_mm, m)));
    end_owner(&f, m);
}

/* --- both ----------------------------------------------------------------- */

static void serve(const struct mce_bank *b)
{
    enum mce_class c = mce_class(mce_how(), b->status);

    if (c == MCE_CORRECTED)
        count_corrected(b);
    else
        lost(b, c == MCE_REQUIRED);
}

static void serve_all(void)
{
    struct mce_bank b;

    while (mce_take(&b))
        serve(&b);
}

void damage_tick(uint64_t now)
{
    static unsigned said;
    unsigned n = mce_unnoted();

    serve_all();
    say_corrected(now);
    if (n != said)
        log_say("machine check: %u more than there was room to note", n);
    said = n;
}

/*
 * In the hypervisor nothing can be done where it happens to be; in a guest its
 * CPU has no lock, and is as after any other interrupt.
 */
void damage_machine_check(const struct regs *regs)
{
    const bool ends = mce_handle(regs);

    if (!regs_from_guest(regs))
        return;
    hv_lock_get();
    serve_all();
    if (ends)
        domain_crash(current_vcpu()->d,
                     "machine check: what it was about to use is lost");
    hv_lock_put();
}
