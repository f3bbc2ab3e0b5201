/* SPDX-License-Identifier: MIT */
/*
 * Which serial port is taken where COM1 does not answer, on PCI registers of
 * the test's; and that one which cannot be mapped is neither asked nor switched
 * on.
 */
#include "tests/hv/check.h"

#include <string.h>

#include "hv/base/cmdline.h"
#include "hv/base/log.h"

#include "hv/dev/uart.c"

struct options options;

static uint32_t regs[8]; /* of the card; its identity 0: there is none */
static uint64_t mapped_at, mapped_size;
static bool mappable;
static struct serial_at used;
static unsigned uses;
static char memory[64];

bool pci_find_class(uint32_t class, pci_fn_t *fn)
{
    assert_int_equal(class, 0x07000000);
    fn->v = 8;
    return regs[0];
}

uint32_t pci_read(pci_fn_t fn, unsigned reg)
{
    assert_int_equal(fn.v, 8);
    return regs[reg / 4];
}

void pci_write(pci_fn_t fn, unsigned reg, uint32_t value)
{
    assert_int_equal(fn.v, 8);
    regs[reg / 4] = value;
}

void *paging_map_mmio(maddr_t start, uint64_t size)
{
    mapped_at = start.v;
    mapped_size = size;
    return mappable ? memory : NULL;
}

bool serial_present(enum serial port)
{
    (void)port;
    return false;
}

bool serial_use(const struct serial_at *at)
{
    used = *at;
    uses++;
    return true;
}

/* --- what is said, and what comes out of the port ---------------------------
 */

static char said[600], out[700];

size_t log_read(uint64_t *from, char *to, size_t n)
{
    n = MIN(n, strlen(said) - *from);
    memcpy(to, said + *from, n);
    return n;
}

void serial_put(enum serial port, char c)
{
    const size_t at = strlen(out);

    assert_int_equal(port, SERIAL_COM1);
    assert_int_equal(uses, 1);
    assert_true(at + 1 < sizeof(out));
    out[at] = c;
    out[at + 1] = 0;
}

/* As the console would show it. */
void log_say(const char *fmt, ...)
{
    (void)fmt;
    if (uses)
        strncat(out, "found\r\n", sizeof(out) - strlen(out) - 1);
}

static void find(uint32_t bar, uint32_t bar_high, const struct spcr *s)
{
    struct acpi_info acpi = {.spcr = *s};

    memset(&used, 0, sizeof(used));
    uses = 0;
    out[0] = 0;
    mapped_at = mapped_size = 0;
    options.console = CONSOLE_COM1 | CONSOLE_SPCR | CONSOLE_PCI;
    memset(regs, 0, sizeof(regs));
    regs[0] = 0x12345678;
    regs[1] = 0x02800000;
    regs[4] = bar;
    regs[5] = bar_high;
    uart_find(&acpi);
}

static const struct spcr none;

static void a_card_is_used_and_switched_on(void **state)
{
    (void)state;
    mappable = true;
    find(0xc001, 0, &none);
    assert_int_equal(used.port, 0xc000);
    assert_int_equal(regs[1], PCI_COMMAND_IO); /* no status bit is cleared */
    find(0xfebf0000, 0x77, &none);
    assert_ptr_equal(used.memory, memory);
    assert_int_equal(mapped_at, 0xfebf0000);
    assert_int_equal(mapped_size, 8);
    assert_int_equal(regs[1], PCI_COMMAND_MEMORY);
    find(0xfebf0004, 0x77, &none);
    assert_int_equal(mapped_at, UINT64_C(0x77febf0000));
}

static void a_card_that_cannot_be_mapped_stays_off(void **state)
{
    (void)state;
    mappable = false;
    find(0xfebf0004, 0x77, &none);
    assert_int_equal(mapped_at, UINT64_C(0x77febf0000));
    assert_int_equal(uses, 0);
    assert_int_equal(regs[1], 0x02800000);
    mappable = true;
    find(0, 0, &none); /* nobody gave it an address */
    assert_int_equal(uses, 0);
    assert_int_equal(mapped_size, 0);
    find(1, 0, &none);
    assert_int_equal(uses, 0);
    assert_int_equal(regs[1], 0x02800000);
}

static void a_port_of_spcr_that_cannot_be_mapped_is_passed_over(void **state)
{
    const struct spcr s = {.found = true,
                           .memory = true,
                           .base = UINT64_C(1) << 50,
                           .stride = 4,
                           .width = 4};

    (void)state;
    mappable = false;
    find(0xc001, 0, &s);
    assert_int_equal(mapped_at, s.base);
    assert_int_equal(mapped_size, 32);
    assert_int_equal(uses, 1);
    assert_int_equal(used.port, 0xc000); /* the card's */
    mappable = true;
    find(0xc001, 0, &s);
    assert_int_equal(uses, 1);
    assert_ptr_equal(used.memory, memory);
    assert_int_equal(regs[1], 0x02800000);
}

/* More than is read at once; each line with its end as terminals want it. */
static void what_was_said_before_there_was_one_comes_first(void **state)
{
    (void)state;
    mappable = true;
    find(0xc001, 0, &none);
    assert_string_equal(out, "found\r\n");
    memset(said, 'x', 500);
    memcpy(said, "(hv) first\n", 11);
    memcpy(said + 500, "\n(hv) last\n", 12);
    find(0xc001, 0, &none);
    assert_memory_equal(out, "(hv) first\r\nxx", 14);
    assert_string_equal(out + 12 + 488, "x\r\n(hv) last\r\nfound\r\n");
    mappable = false;
    find(0xfebf0000, 0, &none);
    assert_string_equal(out, ""); /* nowhere, if there is none */
    said[0] = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_is_used_and_switched_on),
        cmocka_unit_test(a_card_that_cannot_be_mapped_stays_off),
        cmocka_unit_test(what_was_said_before_there_was_one_comes_first),
        cmocka_unit_test(a_port_of_spcr_that_cannot_be_mapped_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
