/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * grant: grant tables. Alone: grants to oneself, and every wrong request.
 * Beside another guest (peer=DOMID) one of these roles:
 *   role=give   grants frames, and ends while the peer has them mapped
 *   role=take   maps the peer's, and sees them taken away when it ends
 *   role=keep   grants frames, and has them to itself again when the peer ends
 *   role=leave  maps the peer's, and ends
 * Who maps gives a frame away too, so maxmem= has to be more than mem=.
 */
#include "guest/lib/grant.h"
#include "guest/lib/guest.h"

const char guest_name[] = "grant";

#define WINDOW GRANT_WINDOW
#define MAGIC  UINT64_C(0x6772616e74656421)
#define ANSWER UINT64_C(0x616e737765726564)

enum { REF_RW = 8, REF_RO, REF_TABLE, REF_OTHER, REF_TAKE };
#define MAP_RW GRANT_RW
#define MAP_RO GRANT_RO

static volatile uint64_t *const window = (void *)WINDOW;
static domid_t peer = DOMID_SELF, me;
static pfn_t data;

/* --- requests ------------------------------------------------------------- */

static struct gnttab_map_grant_ref asked;

static int map_at(uint64_t host_addr, uint32_t flags, uint32_t ref)
{
    asked = (struct gnttab_map_grant_ref){
        .host_addr = host_addr, .flags = flags, .ref = ref, .dom = peer};
    return grant_map(&asked);
}

static void grant(uint32_t ref, pfn_t pfn, unsigned flags)
{
    grant_give(ref, pfn, peer == DOMID_SELF ? me : peer, flags);
}

static void audit(void)
{
    int64_t rc = hc_flagstone_op(FLAGSTONE_OP_audit, NULL);
    CHECK(rc == 0 || rc == -XEN_ENOSYS);
}

static uint64_t entry_at(void)
{
    return pt_entry_maddr(pt_root(), WINDOW, 1).v;
}

/* --- the table ------------------------------------------------------------ */

static void set_up(void)
{
    struct gnttab_query_size q = {.dom = DOMID_SELF};
    struct gnttab_set_version v = {1};
    struct gnttab_get_version g = {.dom = DOMID_SELF};
    report_context("set up");
    CHECK_EQ(grant_op(GNTTABOP_set_version, &v), 0);
    CHECK_EQ(grant_op(GNTTABOP_get_version, &g), 0);
    CHECK_EQ(g.version, 1);
    uint64_t frame = grant_open().v;
    CHECK_EQ(grant_op(GNTTABOP_query_size, &q), 0);
    CHECK_EQ(q.status, GNTST_okay);
    CHECK(q.nr_frames >= 1 && q.max_nr_frames >= q.nr_frames);
    for (unsigned i = 0; i < 512; i++)
        CHECK_EQ(grant_entry[i].flags, 0);
    CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, &frame, 1, 0), 0);
}

/* They are of version 2: there are none, and nobody may ask for another. */
static void wrong_status_frames(void)
{
    struct gnttab_get_status_frames f = {.dom = DOMID_SELF};
    CHECK_EQ(grant_op(GNTTABOP_get_status_frames, &f), 0);
    CHECK_EQ(f.status, GNTST_okay);
    f.nr_frames = 1;
    CHECK_EQ(grant_op(GNTTABOP_get_status_frames, &f), 0);
    CHECK_EQ(f.status, GNTST_general_error);
    f.dom = 0x1234;
    CHECK_EQ(grant_op(GNTTABOP_get_status_frames, &f), 0);
    CHECK_EQ(f.status, GNTST_bad_domain);
    CHECK_EQ(hc_grant_table_op(GNTTABOP_get_status_frames, &f, 2), -XEN_EINVAL);
    f.frame_list = HYPERVISOR_VIRT_START;
    CHECK_EQ(grant_op(GNTTABOP_get_status_frames, &f), -XEN_EFAULT);
}

static void wrong_set_up(void)
{
    uint64_t list[4] = {0};
    struct gnttab_setup_table s = {DOMID_SELF, 1000, 0, (guest_ptr_t)list};
    struct gnttab_set_version v = {2};
    struct gnttab_get_version g = {.dom = 0x1234};
    struct gnttab_query_size q = {.dom = 0x1234};
    report_context("wrong set-up");
    CHECK_EQ(grant_op(GNTTABOP_setup_table, &s), 0);
    CHECK_EQ(s.status, GNTST_general_error);
    s = (struct gnttab_setup_table){0x1234, 1, 0, (guest_ptr_t)list};
    CHECK_EQ(grant_op(GNTTABOP_setup_table, &s), 0);
    CHECK_EQ(s.status, GNTST_bad_domain);
    s = (struct gnttab_setup_table){DOMID_SELF, 2, 0, 8};
    CHECK_EQ(grant_op(GNTTABOP_setup_table, &s), -XEN_EFAULT);
    CHECK_EQ(hc_grant_table_op(GNTTABOP_setup_table, &s, 2), -XEN_EINVAL);
    CHECK_EQ(grant_op(GNTTABOP_set_version, &v), -XEN_ENOSYS);
    CHECK_EQ(v.version, 1);
    v.version = 3;
    CHECK_EQ(grant_op(GNTTABOP_set_version, &v), -XEN_EINVAL);
    CHECK_EQ(grant_op(GNTTABOP_get_version, &g), -XEN_ESRCH);
    CHECK_EQ(grant_op(GNTTABOP_query_size, &q), 0);
    CHECK_EQ(q.status, GNTST_bad_domain);
    for (unsigned cmd = 0; cmd < 32; cmd++)
        CHECK(grant_op(cmd, NULL) < 0);
    wrong_status_frames();
    CHECK_EQ(hc_grant_table_op(GNTTABOP_copy, NULL, 0), 0);
    CHECK_EQ(hc_grant_table_op(GNTTABOP_copy, NULL, UINT32_MAX), -XEN_EINVAL);
}

/* --- grants to oneself ---------------------------------------------------- */

static void map_and_unmap(uint32_t flags)
{
    uint64_t host = flags & GNTMAP_contains_pte ? entry_at() : WINDOW;
    bool write = !(flags & GNTMAP_readonly);
    report_context("map with flags %#x", flags);
    grant(REF_RW, data, GTF_permit_access);
    REQUIRE(map_at(host, flags, REF_RW) == GNTST_okay);
    CHECK_EQ(asked.dev_bus_addr, frame_mfn(data).v << PAGE_SHIFT);
    CHECK_EQ(grant_entry[REF_RW].flags,
             GTF_permit_access | GTF_reading | (write ? GTF_writing : 0));
    *(uint64_t *)frame_va(data) = MAGIC + flags;
    CHECK_EQ(*window, MAGIC + flags);
    CHECK_EQ(try_write(window, MAGIC), !write);
    audit();
    CHECK_EQ(grant_unmap(host + 8, asked.handle), GNTST_general_error);
    CHECK_EQ(grant_unmap(host, asked.handle), GNTST_okay);
    CHECK_EQ(grant_entry[REF_RW].flags, GTF_permit_access);
    CHECK_EQ(pt_lookup(WINDOW).v, 0);
    CHECK_EQ(grant_unmap(host, asked.handle), GNTST_bad_handle);
    audit();
}

static int unmap_both(uint64_t host_addr, uint64_t dev_addr)
{
    struct gnttab_unmap_grant_ref u = {.host_addr = host_addr,
                                       .dev_bus_addr = dev_addr,
                                       .handle = asked.handle};
    CHECK_EQ(hc_grant_table_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
    return u.status;
}

/* For a device, too: either goes by itself, and the grant with the last. */
static void map_for_device(void)
{
    const uint16_t used = GTF_permit_access | GTF_reading | GTF_writing;
    uint64_t at = frame_mfn(data).v << PAGE_SHIFT;
    report_context("map for a device");
    grant(REF_RW, data, GTF_permit_access);
    for (unsigned first = 0; first < 2; first++) {
        REQUIRE(map_at(WINDOW, GNTMAP_device_map | MAP_RW, REF_RW) ==
                GNTST_okay);
        CHECK_EQ(asked.dev_bus_addr, at);
        CHECK_EQ(unmap_both(WINDOW, at + 8), GNTST_general_error);
        CHECK_EQ(unmap_both(first ? 0 : WINDOW, first ? at : 0), GNTST_okay);
        CHECK_EQ(pt_lookup(WINDOW).v != 0, first);
        CHECK_EQ(grant_entry[REF_RW].flags, used);
        audit();
        CHECK_EQ(unmap_both(first ? WINDOW : 0, first ? 0 : at), GNTST_okay);
        CHECK_EQ(grant_entry[REF_RW].flags, GTF_permit_access);
        CHECK_EQ(unmap_both(WINDOW, at), GNTST_bad_handle);
    }
    report_context("map for a device alone");
    REQUIRE(map_at(0, GNTMAP_device_map, REF_RW) == GNTST_okay);
    CHECK_EQ(pt_lookup(WINDOW).v, 0);
    CHECK_EQ(unmap_both(0, at), GNTST_okay);
    CHECK_EQ(grant_entry[REF_RW].flags, GTF_permit_access);
    audit();
}

static void wrong_map(void)
{
    report_context("wrong map");
    grant(REF_RW, data, GTF_permit_access);
    grant(REF_RO, data, GTF_permit_access | GTF_readonly);
    CHECK_EQ(map_at(WINDOW, 0, REF_RW), GNTST_bad_gntref);
    CHECK_EQ(map_at(WINDOW, MAP_RW, REF_RO), GNTST_general_error);
    CHECK_EQ(map_at(WINDOW, MAP_RW, 20), GNTST_general_error);
    CHECK_EQ(map_at(WINDOW, MAP_RW, 2 * 512), GNTST_bad_gntref);
    CHECK_EQ(map_at(WINDOW, MAP_RW, UINT32_MAX), GNTST_bad_gntref);
    uint64_t at = entry_at();
    const uint64_t wrong[] = {at + 4,
                              at + 1,
                              8,
                              ~UINT64_C(7),
                              frame_mfn(data).v << PAGE_SHIFT,
                              frame_mfn(pt_root()).v << PAGE_SHIFT};
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
        CHECK_EQ(map_at(wrong[i], MAP_RW | GNTMAP_contains_pte, REF_RW),
                 GNTST_general_error);
    const uint64_t nowhere[] = {0, WINDOW + BIT(40), HYPERVISOR_VIRT_START,
                                BIT(47), ~UINT64_C(0)};
    for (unsigned i = 0; i < ARRAY_SIZE(nowhere); i++)
        CHECK_EQ(map_at(nowhere[i], MAP_RW, REF_RW), GNTST_general_error);
    grant_entry[REF_RW].domid = 0x1234;
    CHECK_EQ(map_at(WINDOW, MAP_RW, REF_RW), GNTST_general_error);
    grant(REF_RW, data, GTF_permit_access | GTF_PCD);
    CHECK_EQ(map_at(WINDOW, MAP_RW, REF_RW), GNTST_general_error);
    grant(REF_RW, data, GTF_accept_transfer);
    CHECK_EQ(map_at(WINDOW, MAP_RW, REF_RW), GNTST_general_error);
    grant(REF_RW, data, GTF_permit_access);
    const uint32_t frames[] = {0, UINT32_MAX, 0xa0,
                               (uint32_t)(guest_start_info->shared_info >> 12)};
    for (unsigned i = 0; i < ARRAY_SIZE(frames); i++) {
        grant_entry[REF_RW].frame = frames[i];
        CHECK_EQ(map_at(WINDOW, MAP_RW, REF_RW), GNTST_bad_page);
    }
    peer = 0x1234;
    CHECK_EQ(map_at(WINDOW, MAP_RW, REF_RW), GNTST_bad_domain);
    peer = DOMID_SELF;
    CHECK_EQ(pt_lookup(WINDOW).v, 0);
    for (unsigned i = 0; i < 16; i++)
        CHECK_EQ(grant_entry[i].flags & (GTF_reading | GTF_writing), 0);
    CHECK_EQ(grant_unmap(WINDOW, 0), GNTST_bad_handle);
    CHECK_EQ(grant_unmap(WINDOW, UINT32_MAX), GNTST_bad_handle);
    audit();
}

/* A page table may be read through a grant, not written (XSA-224). */
static void types(void)
{
    pfn_t table = leak_spare(0);
    report_context("types");
    grant(REF_TABLE, table, GTF_permit_access);
    REQUIRE(map_at(WINDOW, MAP_RW, REF_TABLE) == GNTST_okay);
    frame_make_ro(table);
    CHECK_EQ(pt_pin(table, 1), -XEN_EINVAL);
    CHECK_EQ(grant_unmap(WINDOW, asked.handle), GNTST_okay);
    CHECK_EQ(pt_pin(table, 1), 0);
    CHECK_EQ(map_at(WINDOW, MAP_RW, REF_TABLE), GNTST_general_error);
    CHECK_EQ(map_at(WINDOW, MAP_RO, REF_TABLE), GNTST_okay);
    CHECK_EQ(grant_unmap(WINDOW, asked.handle), GNTST_okay);
    CHECK_EQ(pt_unpin(table), 0);
    frame_make_rw(table);
    leak_check();
}

/* The entry goes without its handle: that is of no use any more. */
static void stale(void)
{
    report_context("stale handles");
    grant(REF_RW, data, GTF_permit_access);
    REQUIRE(map_at(WINDOW, MAP_RW, REF_RW) == GNTST_okay);
    uint32_t first = asked.handle;
    CHECK_EQ(pt_unmap(WINDOW), 0);
    audit();
    CHECK_EQ(grant_unmap(WINDOW, first), GNTST_general_error);
    CHECK_EQ(grant_unmap(WINDOW, first), GNTST_bad_handle);
    CHECK_EQ(grant_entry[REF_RW].flags, GTF_permit_access);
    REQUIRE(map_at(WINDOW, MAP_RO, REF_RW) == GNTST_okay);
    first = asked.handle;
    REQUIRE(map_at(WINDOW, MAP_RW, REF_RW) == GNTST_okay); /* over it */
    audit();
    CHECK_EQ(grant_unmap(WINDOW, first), GNTST_okay);
    CHECK_EQ(grant_unmap(WINDOW, asked.handle), GNTST_general_error);
    CHECK_EQ(grant_entry[REF_RW].flags, GTF_permit_access);
    audit();
}

/* The mapping at new_addr moves to where the grant was. */
static void replace(void)
{
    mfn_t spare = leak_mfn(1);
    struct gnttab_unmap_and_replace r = {.host_addr = WINDOW,
                                         .new_addr = WINDOW + PAGE_SIZE};
    report_context("replace");
    REQUIRE(map_at(WINDOW, MAP_RW, REF_RW) == GNTST_okay);
    REQUIRE(pt_map(WINDOW + PAGE_SIZE, spare, PT_KERNEL_RW) == 0);
    r.handle = asked.handle;
    r.new_addr = WINDOW;
    CHECK_EQ(grant_op(GNTTABOP_unmap_and_replace, &r), 0);
    CHECK_EQ(r.status, GNTST_general_error);
    r.new_addr = WINDOW + PAGE_SIZE;
    CHECK_EQ(grant_op(GNTTABOP_unmap_and_replace, &r), 0);
    CHECK_EQ(r.status, GNTST_okay);
    CHECK_EQ(pte_mfn(pt_lookup(WINDOW)).v, spare.v);
    CHECK_EQ(pt_lookup(WINDOW + PAGE_SIZE).v, 0);
    audit();
    CHECK_EQ(pt_unmap(WINDOW), 0);
    leak_check();
}

static struct gnttab_copy copying(unsigned src_at, unsigned dst_at,
                                  unsigned len)
{
    return (struct gnttab_copy){
        .source = {.u.ref = REF_RO, .domid = peer, .offset = (uint16_t)src_at},
        .dest = {.u.gmfn = leak_mfn(2).v,
                 .domid = DOMID_SELF,
                 .offset = (uint16_t)dst_at},
        .len = (uint16_t)len,
        .flags = GNTCOPY_source_gref};
}

static int copy(struct gnttab_copy c)
{
    REQUIRE(grant_op(GNTTABOP_copy, &c) == 0);
    return c.status;
}

static void copies(void)
{
    uint64_t *to = frame_va(leak_spare(2));
    struct gnttab_copy c;
    report_context("copy");
    grant(REF_RO, data, GTF_permit_access | GTF_readonly);
    ((uint64_t *)frame_va(data))[511] = MAGIC;
    CHECK_EQ(copy(copying(4088, 8, 8)), GNTST_okay);
    CHECK_EQ(to[1], MAGIC);
    CHECK_EQ(copy(copying(4088, 8, 9)), GNTST_bad_copy_arg);
    CHECK_EQ(copy(copying(8, 4090, 8)), GNTST_bad_copy_arg);
    c = copying(0, 0, 8);
    c.source.u.ref = 2 * 512;
    CHECK_EQ(copy(c), GNTST_bad_gntref);
    c = copying(0, 0, 8);
    c.dest.domid = me;
    CHECK_EQ(copy(c), GNTST_permission_denied);
    c = copying(0, 0, 8);
    c.dest.u.gmfn = frame_mfn(pt_root()).v; /* a page table */
    CHECK_EQ(copy(c), GNTST_bad_page);
    c.dest.u.gmfn = ~UINT64_C(0);
    CHECK_EQ(copy(c), GNTST_bad_page);
    c = copying(0, 0, 8);
    c.flags |= GNTCOPY_dest_gref;
    c.dest.u.ref = REF_RO; /* read only */
    CHECK_EQ(copy(c), GNTST_general_error);
    CHECK_EQ(grant_entry[REF_RO].flags, GTF_permit_access | GTF_readonly);
    CHECK_EQ(hc_grant_table_op(GNTTABOP_copy, NULL, 1), -XEN_EFAULT);
    to[1] = 0;
    audit();
}

static void wrong_transfer(void)
{
    struct gnttab_transfer t = {.mfn = leak_mfn(3).v, .domid = me};
    report_context("transfer");
    grant(REF_TAKE, data, GTF_accept_transfer);
    t.ref = REF_TAKE;
    CHECK_EQ(grant_op(GNTTABOP_transfer, &t), 0);
    CHECK(t.status == GNTST_bad_domain || t.status == GNTST_bad_page);
    t.mfn = ~UINT64_C(0);
    CHECK_EQ(grant_op(GNTTABOP_transfer, &t), 0);
    CHECK_EQ(t.status, GNTST_bad_page);
    CHECK_EQ(grant_entry[REF_TAKE].flags, GTF_accept_transfer);
    leak_check();
}

static void alone(void)
{
    leak_init();
    wrong_set_up();
    map_and_unmap(MAP_RW);
    map_and_unmap(MAP_RO);
    map_and_unmap(MAP_RW | GNTMAP_contains_pte);
    map_and_unmap(MAP_RO | GNTMAP_contains_pte | GNTMAP_application_map);
    map_for_device();
    wrong_map();
    types();
    stale();
    replace();
    copies();
    wrong_transfer();
}

/* --- with another guest --------------------------------------------------- */

static void wait(void)
{
    CHECK_EQ(timer_sleep(1000000), 0);
}

/* RW frame, read-only one, a page table, and a place for a frame to come. */
static void offer(void)
{
    uint64_t *p = frame_va(data);
    pfn_t table = frame_alloc();
    report_context("offer");
    p[0] = MAGIC;
    grant(REF_OTHER, frame_alloc(), GTF_permit_access);
    frame_make_ro(table);
    REQUIRE(pt_pin(table, 1) == 0);
    grant(REF_TABLE, table, GTF_permit_access);
    grant_entry[REF_TAKE].domid = peer;
    grant_entry[REF_TAKE].flags = GTF_accept_transfer;
    grant(REF_RO, data, GTF_permit_access | GTF_readonly);
    grant(REF_RW, data, GTF_permit_access);
    while (__atomic_load_n(&p[1], __ATOMIC_ACQUIRE) != ANSWER)
        wait();
}

/* The grants of a guest that may not have started yet. */
static void map_theirs(void)
{
    report_context("map what a peer grants");
    pt_make_tables(WINDOW + PAGE_SIZE, 1);
    while (map_at(WINDOW, MAP_RW, REF_RW) != GNTST_okay)
        wait();
    CHECK_EQ(window[0], MAGIC);
}

static void rights(void)
{
    uint64_t second = WINDOW + PAGE_SIZE;
    uint64_t at = pt_entry_maddr(pt_root(), second, 1).v;
    report_context("rights");
    CHECK_EQ(map_at(second, MAP_RW, REF_RO), GNTST_general_error);
    CHECK_EQ(map_at(second, MAP_RW, REF_TABLE), GNTST_general_error);
    REQUIRE(map_at(second, MAP_RO, REF_RO) == GNTST_okay);
    pte_t e = pt_lookup(second);
    CHECK_EQ(try_write((void *)second, 1), 1);
    CHECK(pt_update(maddr_of(at), pte_of(e.v | PTE_RW)) < 0);
    CHECK(hc_update_va_mapping(second, e.v | PTE_RW, UVMF_INVLPG) < 0);
    CHECK_EQ(pt_lookup(second).v, e.v);
    CHECK_EQ(pt_update(maddr_of(at), pte_of(e.v & ~(uint64_t)PTE_A)), 0);
    CHECK(pt_map(second + PAGE_SIZE, pte_mfn(e), PT_KERNEL_RO) < 0);
    CHECK(pt_op(MMUEXT_PIN_L1_TABLE, pte_mfn(e)) < 0);
    uint64_t frame = pte_mfn(e).v;
    CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, &frame, 1, 0), 0);
    audit();
    CHECK_EQ(grant_unmap(second, asked.handle), GNTST_okay);
    CHECK(pt_update(maddr_of(at), e) < 0);
    REQUIRE(map_at(second, MAP_RO, REF_RO) == GNTST_okay);
    CHECK_EQ(pt_update(maddr_of(at), pte_of(0)), 0);
    CHECK_EQ(grant_unmap(second, asked.handle), GNTST_general_error);
    audit();
}

/* A frame of ours becomes another of theirs, with what is in it. */
static void send(void)
{
    uint64_t *p = frame_va(leak_spare(3));
    struct gnttab_transfer t = {
        .mfn = leak_mfn(3).v, .domid = peer, .ref = REF_TAKE};
    int64_t owned = leak_owned();
    report_context("send a frame");
    p[5] = MAGIC;
    CHECK_EQ(grant_op(GNTTABOP_transfer, &t), 0);
    CHECK_EQ(t.status, GNTST_bad_page); /* it is mapped */
    frame_unmap(leak_spare(3));
    CHECK_EQ(grant_op(GNTTABOP_transfer, &t), 0);
    REQUIRE(t.status == GNTST_okay);
    CHECK_EQ(leak_owned(), owned - 1);
    t.mfn = frame_mfn(data).v;
    frame_unmap(data);
    CHECK_EQ(grant_op(GNTTABOP_transfer, &t), 0);
    CHECK_EQ(t.status, GNTST_bad_gntref);
    frame_make_rw(data);
}

static void copies_across(void)
{
    report_context("copy across");
    CHECK_EQ(copy(copying(0, 16, 8)), GNTST_okay);
    CHECK_EQ(((uint64_t *)frame_va(leak_spare(2)))[2], MAGIC);
    ((uint64_t *)frame_va(leak_spare(2)))[2] = 0;
}

static void use_theirs(void)
{
    leak_init();
    map_theirs();
    rights();
    copies_across();
    send();
}

static void answer(void)
{
    __atomic_store_n((uint64_t *)WINDOW + 1, ANSWER, __ATOMIC_RELEASE);
}

/* The peer ends: no entry is left, and no handle. */
static void until_gone(void)
{
    uint64_t v;
    uint32_t handle;
    report_context("until it is gone");
    REQUIRE(map_at(WINDOW + PAGE_SIZE, MAP_RO, REF_OTHER) == GNTST_okay);
    handle = asked.handle;
    answer();
    while (!try_read(window, &v))
        wait();
    CHECK_EQ(pt_lookup(WINDOW).v, 0);
    CHECK_EQ(pt_lookup(WINDOW + PAGE_SIZE).v, 0);
    CHECK_EQ(grant_unmap(WINDOW + PAGE_SIZE, handle), GNTST_bad_handle);
    CHECK_EQ(map_at(WINDOW, MAP_RW, REF_RW), GNTST_bad_domain);
    audit();
}

/* The peer ends: what it had mapped is as it was before. */
static void until_alone(void)
{
    report_context("until we are alone");
    while (grant_entry[REF_RW].flags & (GTF_reading | GTF_writing))
        wait();
    CHECK(grant_entry[REF_TAKE].flags & GTF_transfer_completed);
    REQUIRE(pt_map(WINDOW, mfn_of(grant_entry[REF_TAKE].frame), PT_KERNEL_RW) ==
            0);
    CHECK_EQ(window[5], MAGIC);
    memset(frame_va(data), 0, PAGE_SIZE);
    frame_make_ro(data);
    CHECK_EQ(pt_pin(data, 1), 0);
    CHECK_EQ(pt_unpin(data), 0);
    frame_make_rw(data);
    audit();
}

void guest_main(void)
{
    if (!guest_flagstone) {
        report(REPORT_SKIP, "a guest that may be the initial domain");
        return;
    }
    me = (domid_t)cmdline_number("me", 1);
    data = frame_alloc();
    set_up();
    if (!cmdline_has("role")) {
        alone();
        return;
    }
    peer = (domid_t)cmdline_number("peer", 0);
    if (cmdline_is("role", "give") || cmdline_is("role", "keep"))
        offer();
    else
        use_theirs();
    if (cmdline_is("role", "take"))
        until_gone();
    if (cmdline_is("role", "leave"))
        answer();
    if (cmdline_is("role", "keep"))
        until_alone();
}
