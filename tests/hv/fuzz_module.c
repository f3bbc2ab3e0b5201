/* SPDX-License-Identifier: MIT */
/* Any line of a module: a configuration that makes sense, or one printable
 * line that says what is wrong. */
#include <stdlib.h>
#include <string.h>

#include "hv/svc/build/module.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check(const struct module_config *m, const char *text, size_t n)
{
    must(memchr(m->name, 0, sizeof(m->name)) && module_name_ok(m->name));
    must(m->kind <= MODULE_SCENARIO);
    must(m->args && (!*m->args || (m->args >= text && m->args <= text + n)));
    must(m->superpages <= SUPERPAGES_REQUIRE);
    must(m->relinquish <= RELINQUISH_CUT && m->cpu.level <= 4);
    if (m->kind != MODULE_GUEST)
        return;
    must(m->mem && m->mem <= m->maxmem && m->maxmem <= UINT64_C(1) << 42);
    must(m->mem % BLOCK_SIZE == 0 && m->maxmem % BLOCK_SIZE == 0);
    must(m->vcpus >= 1 && m->vcpus <= MODULE_VCPUS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct module_defaults defaults = {SUPERPAGES_PREFER};
    struct module_config m;
    char why[MODULE_WHY], *text = malloc(size + 1);

    memcpy(text, data, size);
    text[size] = 0;
    memset(why, 'x', sizeof(why));
    if (!module_parse(&m, text, &defaults, why))
        check(&m, text, size);
    else
        must(memchr(why, 0, sizeof(why)) && why[0]);
    free(text);
    return 0;
}
