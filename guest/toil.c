/* SPDX-License-Identifier: MIT */
/*
 * toil: makes the hypervisor do one kind of work, as much of it in one call as
 * a guest can ask for, and ends. How long others wait meanwhile is for `gap` to
 * see.
 *   do=pin    pins and unpins a tree of as many full tables as there is memory
 *   do=grant  maps and unmaps GRANTS grants of its own in one call each
 *   do=store  transactions that write nodes= nodes of xenstore (900)
 * Each is done rounds= times (2).
 */
#include "guest/lib/event.h"
#include "guest/lib/grant.h"
#include "guest/lib/guest.h"
#include "xen/io/xs_wire.h"

const char guest_name[] = "toil";

#define LEFT 64u /* frames for all else */

/* --- page tables ---------------------------------------------------------- */

static pte_t entry_for(pfn_t pfn, uint64_t flags)
{
    return pte_make(frame_mfn(pfn), flags);
}

/* One more table of that level, of which nothing is used yet. */
static pfn_t table_below(pfn_t above, unsigned slot)
{
    const pfn_t t = frame_alloc();
    ((pte_t *)frame_va(above))[slot] = entry_for(t, PT_TABLE);
    return t;
}

static void fill(pfn_t table, pfn_t data)
{
    pte_t *e = frame_va(table);
    for (unsigned i = 0; i < 512; i++)
        e[i] = entry_for(data, PTE_P | PTE_US);
    frame_make_ro(table);
}

/* L3 and below; how many L1 tables it has got. */
static unsigned make_tree(pfn_t l3)
{
    const pfn_t data = frame_alloc();
    unsigned n = 0;
    frame_make_ro(data);
    for (unsigned slot = 0; slot < 512 && frame_available() > LEFT; slot++) {
        const pfn_t l2 = table_below(l3, slot);
        for (unsigned i = 0; i < 512 && frame_available() > LEFT; i++, n++)
            fill(table_below(l2, i), data);
        frame_make_ro(l2);
    }
    return n;
}

static void do_pin(unsigned rounds)
{
    const pfn_t root = frame_alloc(), l3 = table_below(root, 0);
    const unsigned n = make_tree(l3);
    frame_make_ro(l3);
    frame_make_ro(root);
    for (unsigned i = 0; i < rounds; i++) {
        REQUIRE(pt_pin(root, 4) == 0);
        REQUIRE(pt_unpin(root) == 0);
    }
    printk("toil: a tree of %u full tables\n", n);
}

/* --- xenstore ------------------------------------------------------------- */

static struct xenstore_domain_interface *ring;

static void put(const void *data, size_t len)
{
    const char *from = data;
    uint32_t prod = ring->req_prod;
    for (size_t i = 0; i < len; i++)
        ring->req[MASK_XENSTORE_IDX(prod++)] = from[i];
    __atomic_store_n(&ring->req_prod, prod, __ATOMIC_RELEASE);
}

static void take(void *data, size_t len)
{
    char *to = data;
    for (size_t i = 0; i < len; i++) {
        while (READ_ONCE(ring->rsp_prod) == ring->rsp_cons)
            event_send(guest_start_info->store_evtchn);
        to[i] = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)];
        __atomic_store_n(&ring->rsp_cons, ring->rsp_cons + 1, __ATOMIC_RELEASE);
    }
}

/* One request and its answer, which is text; it has to be granted. */
static const char *ask(uint32_t type, uint32_t tx, const char *body, size_t len)
{
    static char answer[XENSTORE_PAYLOAD_MAX + 1];
    struct xsd_sockmsg h = {.type = type, .tx_id = tx, .len = (uint32_t)len};
    put(&h, sizeof(h));
    put(body, len);
    event_send(guest_start_info->store_evtchn);
    take(&h, sizeof(h));
    REQUIRE(h.len <= XENSTORE_PAYLOAD_MAX);
    take(answer, h.len);
    answer[h.len] = '\0';
    if (h.type != type)
        report_end(REPORT_FAILURE, answer);
    return answer;
}

static uint32_t number(const char *s)
{
    uint32_t n = 0;
    for (; *s >= '0' && *s <= '9'; s++)
        n = n * 10 + (uint32_t)(*s - '0');
    return n;
}

static void transaction(unsigned nodes, unsigned round)
{
    char body[64];
    const uint32_t tx = number(ask(XS_TRANSACTION_START, 0, "", 1));
    for (unsigned i = 0; i < nodes; i++) {
        int n = format(body, sizeof(body), "data/%u", i);
        n += 1 + format(body + n + 1, sizeof(body) - (size_t)n - 1, "%u",
                        round + i);
        (void)ask(XS_WRITE, tx, body, (size_t)n);
    }
    (void)ask(XS_TRANSACTION_END, tx, "T", 2);
}

static void do_store(unsigned rounds)
{
    const unsigned nodes = (unsigned)cmdline_number("nodes", 900);
    for (unsigned i = 0; i < rounds; i++)
        transaction(nodes, i);
    printk("toil: %u nodes in a transaction\n", nodes);
}

/* --- grants --------------------------------------------------------------- */

#define GRANTS    500u
#define FIRST_REF 8u

static struct gnttab_map_grant_ref map[GRANTS];
static struct gnttab_unmap_grant_ref unmap[GRANTS];

static void map_and_unmap(void)
{
    for (unsigned i = 0; i < GRANTS; i++)
        map[i] = (struct gnttab_map_grant_ref){.host_addr =
                                                   GRANT_WINDOW + i * PAGE_SIZE,
                                               .flags = GRANT_RW,
                                               .ref = FIRST_REF + i,
                                               .dom = DOMID_SELF};
    REQUIRE(hc_grant_table_op(GNTTABOP_map_grant_ref, map, GRANTS) == 0);
    for (unsigned i = 0; i < GRANTS; i++) {
        REQUIRE(map[i].status == GNTST_okay);
        unmap[i] = (struct gnttab_unmap_grant_ref){
            .host_addr = map[i].host_addr, .handle = map[i].handle};
    }
    REQUIRE(hc_grant_table_op(GNTTABOP_unmap_grant_ref, unmap, GRANTS) == 0);
    for (unsigned i = 0; i < GRANTS; i++)
        REQUIRE(unmap[i].status == GNTST_okay);
}

static void do_grant(unsigned rounds)
{
    const domid_t me = (domid_t)number(ask(XS_READ, 0, "domid", 6));
    (void)grant_open();
    for (unsigned i = 0; i < GRANTS; i++)
        grant_give(FIRST_REF + i, frame_alloc(), me, GTF_permit_access);
    for (unsigned i = 0; i < rounds; i++)
        map_and_unmap();
    grant_close();
    printk("toil: %u grants\n", GRANTS);
}

void guest_main(void)
{
    const unsigned rounds = (unsigned)cmdline_number("rounds", 2);
    ring = frame_va(frame_pfn(mfn_of(guest_start_info->store_mfn)));
    if (cmdline_is("do", "pin"))
        do_pin(rounds);
    else if (cmdline_is("do", "grant"))
        do_grant(rounds);
    else if (cmdline_is("do", "store"))
        do_store(rounds);
    else
        report_end(REPORT_ERROR, "do=pin, grant or store");
}
