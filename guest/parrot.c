/* SPDX-License-Identifier: MIT */
/*
 * parrot: says each line back that is typed at its console, the keys as they
 * come, and ends at "bye": somebody to talk to, for the shell's `console`.
 */
#include "guest/lib/console.h"
#include "guest/lib/guest.h"

#define LOOK_NS UINT64_C(5000000)

const char guest_name[] = "parrot";

static char line[80];
static size_t len;

/* Whether it goes on. */
static bool answer(void)
{
    line[len] = '\0';
    len = 0;
    printk("\nheard '%s'\n", line);
    return strcmp(line, "bye") != 0;
}

static bool take(char key)
{
    if (key == '\r' || key == '\n')
        return answer();
    if (len + 1 < sizeof(line)) {
        line[len++] = key;
        console_write(&key, 1);
    }
    return true;
}

void guest_main(void)
{
    char key;

    printk("type something, or bye\n");
    do
        while (!console_read(&key, 1))
            timer_sleep(LOOK_NS);
    while (take(key));
    CHECK(!len);
}
