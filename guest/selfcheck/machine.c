/* SPDX-License-Identifier: MIT */
/* machine.c: requests of the control guest (flagstone/control.h). */
#include "guest/lib/console.h"
#include "guest/selfcheck/selfcheck.h"

struct flagstone_hardware machine;

static struct flagstone_control request;

/* NULL: refused; without the right to ask, always. */
static struct flagstone_control *ask(enum flagstone_control_cmd cmd,
                                     uint32_t domid, uint64_t n)
{
    memset(&request, 0, sizeof(request));
    request.cmd = cmd;
    request.domid = domid;
    request.n = n;
    return hc_flagstone_op(FLAGSTONE_OP_control, &request) ? NULL : &request;
}

void machine_look(void)
{
    const struct flagstone_control *c = ask(FLAGSTONE_CTL_hardware, 0, 0);
    if (c)
        machine = c->hardware;
    machine.release[sizeof(machine.release) - 1] = '\0';
}

uint32_t machine_rtc(void)
{
    const struct flagstone_control *c = ask(FLAGSTONE_CTL_hardware, 0, 0);
    return c ? c->hardware.rtc_second : FLAGSTONE_RTC_NONE;
}

/* false: no domain is the caller's, or nobody may ask. */
static bool find_self(struct flagstone_domain *d)
{
    const struct flagstone_control *c;
    d->control = 0;
    for (uint32_t id = 0; !d->control; id = d->domid + 1) {
        c = ask(FLAGSTONE_CTL_domain, id, 0);
        if (!c)
            return false;
        *d = c->domain;
    }
    return true;
}

uint64_t machine_claim_free(void)
{
    static struct flagstone_domain d;
    const struct flagstone_control *c;
    uint64_t blocks;
    if (!find_self(&d))
        return 0;
    c = ask(FLAGSTONE_CTL_machine, 0, 0);
    if (!c)
        return 0;
    blocks = c->machine.blocks_free;
    c = ask(FLAGSTONE_CTL_maxmem, d.domid,
            d.stats.tot_pages + blocks * BLOCK_FRAMES);
    return c ? blocks : 0;
}

/* The runtime's last line, which tests look for. */
void machine_end(bool well)
{
    if (!machine.release[0])
        return;
    printk("RESULT %s: %s: %s\n", guest_name, well ? "success" : "failure",
           well ? "nothing failed" : "see above");
    console_drain();
    (void)ask(FLAGSTONE_CTL_end, 0, !well); /* comes back only if refused */
}
