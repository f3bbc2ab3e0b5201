/* SPDX-License-Identifier: MIT */
/*
 * auditor.c: see auditor.h. Invariant: an audit that found something makes
 * the machine end with failure, whoever asked for the audit.
 */
#include "hv/debug/auditor.h"

#include "flagstone/control.h"
#include "hv/arch/early.h"
#include "hv/arch/layout.h"
#include "hv/arch/memory.h"
#include "hv/arch/paging.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/base/print.h"
#include "mm/audit/audit.h"

unsigned auditor_runs, auditor_failures;
static void *scratch;

void auditor_reserve(void)
{
    /* mm/ is not set up yet; its number of frames is all that is asked. */
    const struct mm size = {
        .nr_frames = paging_m2p_frames(),
        .nr_blocks = (paging_m2p_frames() + BLOCK_FRAMES - 1) / BLOCK_FRAMES,
    };

    if (options.loglevel < LOG_DEBUG)
        return;
    early_lift_limit();
    scratch =
        direct_of_maddr(early_alloc(mm_audit_scratch_size(&size), PAGE_SIZE));
}

bool auditor_ready(void)
{
    return scratch;
}

static bool judge(const char *whose, const struct mm_audit *a)
{
    auditor_runs++;
    if (a->clean)
        return true;
    auditor_failures++;
    log_say("audit of %s: %s", whose, a->text);
    return false;
}

bool auditor_domain(struct domain *d)
{
    struct mm_audit a = mm_audit_domain(&hv_mm, &d->mm, scratch);

    return judge(d->name, &a);
}

bool auditor_machine(char *text)
{
    struct mm_audit a = mm_audit(&hv_mm, scratch);

    if (!a.clean)
        print_format(text, FLAGSTONE_TEXT, "%s", a.text);
    return judge("the machine", &a);
}

void auditor_check(void)
{
    char text[FLAGSTONE_TEXT];

    if (scratch)
        (void)auditor_machine(text); /* the log has what it found */
}
