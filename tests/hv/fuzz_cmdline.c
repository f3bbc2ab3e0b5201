/* SPDX-License-Identifier: MIT */
/* Any command line: options within their bounds, whatever was reported. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/cmdline.h"
#include "hv/base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* One line each, and it says which word was meant. */
void log_say(const char *fmt, ...)
{
    char out[8192];
    va_list args;

    va_start(args, fmt);
    must(vsnprintf(out, sizeof(out), fmt, args) > 0);
    va_end(args);
    must(strstr(out, "command line: ") == out && strchr(out, '\''));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct options fresh;
    static bool kept;
    char *text = malloc(size + 1);

    if (!kept)
        fresh = options;
    kept = true;
    options = fresh;
    memcpy(text, data, size);
    text[size] = 0;
    cmdline_parse(text);
    free(text);
    must(options.exit <= EXIT_HANG && options.loglevel <= LOG_DEBUG);
    must(options.superpages <= OPT_SUPERPAGES_REQUIRE && options.profile <= 1);
    must(!(options.console &
           ~(unsigned)(CONSOLE_SERIAL | CONSOLE_VGA | CONSOLE_FB)));
    must(options.fast <= 1 && options.summary <= 1 && options.reuse <= 1);
    must(options.screen <= SCREEN_JSON && options.keys < KEYS_LAYOUTS);
    must(options.end <= END_NOW && options.end_wait <= 86400);
    must(options.clock <= CLOCK_CPUID && options.watchdog <= 3600);
    must(options.spec <= OPT_SPEC_FORCE && options.apic <= APIC_X2APIC);
    must(options.timeslice >= 1 && options.timeslice <= 1000);
    return 0;
}
