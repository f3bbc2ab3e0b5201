/* SPDX-License-Identifier: MIT */
/*
 * launch.c: pairs kernels with ramdisks and has them built, in the order of
 * the modules. One that is wrong is named and skipped; the others start. The
 * memory of a module is free afterwards, unless the control guest may ask for
 * it.
 */
#include "hv/svc/build/launch.h"

#include "flagstone/control.h"
#include "hv/arch/layout.h"
#include "hv/arch/memory.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/base/string.h"
#include "hv/debug/report.h"
#include "hv/sched/lifecycle.h"
#include "hv/svc/build/build.h"
#include "hv/svc/build/module.h"
#include "hv/svc/build/retained.h"

static struct module_config configs[BOOTINFO_MODULES];
static bool usable[BOOTINFO_MODULES]; /* configs[i] could be read */

static struct build_file file_of(const struct bootinfo_module *m)
{
    return (struct build_file){
        .data = direct_of_maddr(maddr_of(m->start)),
        .len = m->end - m->start,
    };
}

struct module_defaults launch_defaults(void)
{
    static const enum superpages superpages[] = {
        [OPT_SUPERPAGES_OFF] = SUPERPAGES_OFF,
        [OPT_SUPERPAGES_PREFER] = SUPERPAGES_PREFER,
        [OPT_SUPERPAGES_REQUIRE] = SUPERPAGES_REQUIRE,
    };

    return (struct module_defaults){superpages[options.superpages]};
}

static void read_configs(const struct bootinfo *bi)
{
    const struct module_defaults defaults = launch_defaults();

    for (unsigned i = 0; i < bi->nr_modules; i++) {
        char why[MODULE_WHY];

        usable[i] = module_parse(&configs[i], bi->modules[i].cmdline, &defaults,
                                 why) == ERR_NONE;
        if (usable[i])
            continue;
        log_say("module %u: %s; not used", i, why);
        report_not_started(configs[i].name, why);
    }
}

/* The module of this kind for the guest of this name; -1: none below `end`. */
static int find(enum module_kind kind, const char *name, unsigned end)
{
    for (unsigned i = 0; i < end; i++)
        if (usable[i] && configs[i].kind == kind &&
            !strcmp(configs[i].name, name))
            return (int)i;
    return -1;
}

static void check_initrd(const struct bootinfo *bi, unsigned i)
{
    const struct module_config *c = &configs[i];

    if (find(MODULE_GUEST, c->name, bi->nr_modules) < 0 &&
        find(MODULE_KERNEL, c->name, bi->nr_modules) < 0)
        log_say("module %u: initrd=%s: there is no such guest", i, c->name);
    else if (find(MODULE_INITRD, c->name, i) >= 0)
        log_say("module %u: initrd=%s: a second one; not used", i, c->name);
}

static void launch(const struct bootinfo *bi, unsigned i)
{
    const struct module_config *c = &configs[i];
    struct build_file initrd = {NULL, 0};
    struct domain *d;
    char why[FLAGSTONE_TEXT];
    int ramdisk = find(MODULE_INITRD, c->name, bi->nr_modules);

    if (find(MODULE_GUEST, c->name, i) >= 0) {
        log_say("module %u: a second guest with name=%s; not used", i, c->name);
        report_not_started(c->name, "a second guest with that name");
        return;
    }
    if (c->control && domain_controller()) {
        log_say("module %u: a second control guest, %s; not used", i, c->name);
        report_not_started(c->name, "a second control guest");
        return;
    }
    if (ramdisk >= 0)
        initrd = file_of(&bi->modules[ramdisk]);
    if (build_domain(c, file_of(&bi->modules[i]), initrd, &d, why)) {
        report_not_started(c->name, why);
        return;
    }
    domain_start(d);
    /* Its name only, which it is the first to have. */
    (void)retained_add(MODULE_GUEST, c->name, (struct build_file){NULL, 0});
}

static void launch_all(const struct bootinfo *bi)
{
    for (unsigned i = 0; i < bi->nr_modules; i++) {
        if (!usable[i])
            continue;
        if (configs[i].kind == MODULE_GUEST)
            launch(bi, i);
        else if (configs[i].kind == MODULE_INITRD)
            check_initrd(bi, i);
    }
}

/* A ramdisk is retained beside a kernel of its name. */
static bool to_be_retained(const struct bootinfo *bi, unsigned i)
{
    const struct module_config *c = &configs[i];

    if (!usable[i] || c->kind == MODULE_GUEST)
        return false;
    return c->kind != MODULE_INITRD ||
           find(MODULE_KERNEL, c->name, bi->nr_modules) >= 0;
}

static bool keep(const struct bootinfo *bi, unsigned i)
{
    static const char *const words[] = {
        [MODULE_INITRD] = "initrd",
        [MODULE_KERNEL] = "kernel",
        [MODULE_SCENARIO] = "scenario",
    };
    const struct module_config *c = &configs[i];
    const char *word = words[c->kind];

    if (!to_be_retained(bi, i))
        return false;
    if (!domain_controller()) {
        log_say("module %u: %s=%s: there is no control guest; not used", i,
                word, c->name);
        return false;
    }
    if (retained_add(c->kind, c->name, file_of(&bi->modules[i])))
        return true;
    log_say("module %u: %s=%s: a second one; not used", i, word, c->name);
    return false;
}

void launch_guests(const struct bootinfo *bi)
{
    read_configs(bi);
    launch_all(bi);
    for (unsigned i = 0; i < bi->nr_modules; i++)
        if (!keep(bi, i))
            memory_free_module(&bi->modules[i]);
}
