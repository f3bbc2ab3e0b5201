/* SPDX-License-Identifier: MIT */
/*
 * event.c: the guest's half of the event channel protocol. The pending bit is
 * cleared before the handler runs, so that an event sent meanwhile is not lost.
 */
#include "guest/lib/event.h"

#include "guest/lib/guest.h"

#define PORTS EVTCHN_2L_NR_CHANNELS

/*
 * The shared page is mapped over this one; its own frame is used only while the
 * guest is suspended. It has a section of its own because an image that is
 * mapped large must have it elsewhere.
 */
static char shared_page[PAGE_SIZE] aligned_to(PAGE_SIZE)
    __attribute__((section(".bss.shared,\"aw\",@nobits#")));
static event_handler_t *handlers[PORTS];
volatile unsigned event_count;

struct shared_info *event_shared(void)
{
    return (struct shared_info *)(void *)shared_page;
}

static struct vcpu_info *me(void)
{
    return &event_shared()->vcpu_info[vcpu_self()];
}

static void map_shared(mfn_t m)
{
    int64_t rc = hc_update_va_mapping((uint64_t)shared_page,
                                      pte_make(m, PT_KERNEL_RW).v, UVMF_INVLPG);
    if (!rc)
        return;
    printk("shared info: %ld\n", rc);
    guest_shutdown(SHUTDOWN_crash);
}

void event_init(void)
{
    map_shared(mfn_of_maddr(maddr_of(guest_start_info->shared_info)));
    /* All are born unmasked. */
    memset(event_shared()->evtchn_mask, 0xff,
           sizeof(event_shared()->evtchn_mask));
}

/* Nothing may refer to the shared page any more; what looks at it meanwhile
 * finds a page of our own that says: events are masked. */
void event_suspend(void)
{
    map_shared(frame_mfn(frame_pfn_of_va(shared_page)));
    memset(shared_page, 0, sizeof(shared_page));
    me()->evtchn_upcall_mask = 1;
}

void event_resume(bool anew)
{
    if (anew)
        memset(handlers, 0, sizeof(handlers));
    map_shared(mfn_of_maddr(maddr_of(guest_start_info->shared_info)));
    WRITE_ONCE(me()->evtchn_upcall_mask, 1);
    if (!anew)
        return;
    memset(event_shared()->evtchn_mask, 0xff,
           sizeof(event_shared()->evtchn_mask));
    event_count++; /* there is something to look for again, the store first */
}

static void deliver_word(unsigned word)
{
    struct shared_info *s = event_shared();
    uint64_t bits;
    while ((bits = READ_ONCE(s->evtchn_pending[word]) &
                   ~READ_ONCE(s->evtchn_mask[word]))) {
        unsigned bit = (unsigned)__builtin_ctzl(bits);
        evtchn_port_t port = word * 64 + bit;
        __atomic_and_fetch(&s->evtchn_pending[word], ~BIT(bit),
                           __ATOMIC_SEQ_CST);
        event_count++;
        if (handlers[port])
            handlers[port](port);
    }
}

void event_deliver(void)
{
    struct vcpu_info *v = me();
    while (READ_ONCE(v->evtchn_upcall_pending)) {
        WRITE_ONCE(v->evtchn_upcall_pending, 0);
        uint64_t words =
            __atomic_exchange_n(&v->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
        for (; words; words &= words - 1)
            deliver_word((unsigned)__builtin_ctzl(words));
    }
}

void event_disable(void)
{
    WRITE_ONCE(me()->evtchn_upcall_mask, 1);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* The hypervisor does not look at the mask by itself: take what is waiting. */
void event_enable(void)
{
    struct vcpu_info *v = me();
    for (;;) {
        WRITE_ONCE(v->evtchn_upcall_mask, 0);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (!READ_ONCE(v->evtchn_upcall_pending))
            return;
        WRITE_ONCE(v->evtchn_upcall_mask, 1);
        event_deliver();
    }
}

/* SCHEDOP_block unmasks and blocks as one step: no event slips between. */
void event_wait(void)
{
    event_disable();
    if (!READ_ONCE(me()->evtchn_upcall_pending))
        hc_sched_op(SCHEDOP_block, NULL);
    event_enable();
}

void event_set_handler(evtchn_port_t port, event_handler_t *handler)
{
    handlers[port % PORTS] = handler;
}

void event_unmask(evtchn_port_t port)
{
    struct evtchn_unmask arg = {port};
    hc_event_channel_op(EVTCHNOP_unmask, &arg);
}

void event_mask(evtchn_port_t port)
{
    __atomic_or_fetch(&event_shared()->evtchn_mask[port / 64], BIT(port % 64),
                      __ATOMIC_SEQ_CST);
}

bool event_pending(evtchn_port_t port)
{
    return READ_ONCE(event_shared()->evtchn_pending[port / 64]) &
           BIT(port % 64);
}

int64_t event_bind_virq(uint32_t virq, uint32_t vcpu)
{
    struct evtchn_bind_virq arg = {virq, vcpu, 0};
    int64_t rc = hc_event_channel_op(EVTCHNOP_bind_virq, &arg);
    return rc ? rc : arg.port;
}

int64_t event_bind_ipi(uint32_t vcpu)
{
    struct evtchn_bind_ipi arg = {vcpu, 0};
    int64_t rc = hc_event_channel_op(EVTCHNOP_bind_ipi, &arg);
    return rc ? rc : arg.port;
}

int64_t event_close(evtchn_port_t port)
{
    struct evtchn_close arg = {port};
    event_set_handler(port, NULL);
    return hc_event_channel_op(EVTCHNOP_close, &arg);
}

int64_t event_send(evtchn_port_t port)
{
    struct evtchn_send arg = {port};
    return hc_event_channel_op(EVTCHNOP_send, &arg);
}
