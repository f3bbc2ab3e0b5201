/* SPDX-License-Identifier: MIT */
/*
 * bootinfo.h: all that the rest ever learns from the boot loader. The strings
 * point into the buffer that was parsed, which must therefore stay.
 */
#pragma once

#include "base.h"

enum {
    BOOTINFO_RANGES = 512,
    BOOTINFO_MODULES = 128,
    BOOTINFO_NOTES = 16,
    BOOTINFO_RSDP = 36,
};

/* As the firmware numbers them; a larger one wins where two overlap. */
enum bootinfo_kind {
    BOOTINFO_RAM = 1,
    BOOTINFO_RESERVED = 2,
    BOOTINFO_ACPI = 3,
    BOOTINFO_NVS = 4,
    BOOTINFO_BAD = 5,
};

struct bootinfo_range {
    uint64_t start, end; /* end exclusive */
    enum bootinfo_kind kind;
};

struct bootinfo_module {
    uint64_t start, end;
    const char *cmdline;
};

enum bootinfo_screen {
    BOOTINFO_SCREEN_NONE,
    BOOTINFO_SCREEN_TEXT,
    BOOTINFO_SCREEN_RGB,
    BOOTINFO_SCREEN_INDEXED, /* colours by a palette */
};

struct bootinfo_framebuffer {
    enum bootinfo_screen screen;
    uint64_t addr;
    uint32_t pitch, width, height;
    uint8_t bpp;
    uint8_t red_shift, green_shift, blue_shift;
    uint8_t red_bits, green_bits, blue_bits;
};

/* Something that was put right, in words, with the range it concerns. */
struct bootinfo_note {
    const char *what;
    uint64_t start, end;
};

struct bootinfo {
    struct bootinfo_range ranges[BOOTINFO_RANGES]; /* sorted, disjoint */
    struct bootinfo_module modules[BOOTINFO_MODULES];
    struct bootinfo_note notes[BOOTINFO_NOTES];
    unsigned nr_ranges, nr_modules, nr_notes;
    /* The loader named more ranges than there is room for, and so: */
    bool too_many;
    uint64_t ram_unused; /* bytes in the smallest of them */
    unsigned efi_ranges; /* that EFI's own map has; 0: there is none */
    bool efi_services;   /* EFI's boot services still run: their memory, too */
    uint64_t efi_boot_bytes; /* what they had, and is RAM now */
    const char *cmdline;     /* never NULL after a success */
    const char *loader;      /* its name, or "": never NULL either */
    struct bootinfo_framebuffer fb;
    uint8_t rsdp[BOOTINFO_RSDP];
    unsigned rsdp_len; /* 0: the loader gave none */
    struct bootinfo_range scratch[BOOTINFO_RANGES]; /* of the parser's */
    bool efi; /* the firmware is one by UEFI */
};

/*
 * Takes the Multiboot2 information apart. Nothing in buf is believed: a
 * length that does not fit ends the parse with ERR_INVAL. [keep_start,
 * keep_end) is the hypervisor itself: a module that lies in it is dropped.
 * Command lines are rid, in buf, of what GRUB put around their words.
 */
enum err bootinfo_parse(struct bootinfo *bi, void *buf, size_t len,
                        uint64_t keep_start, uint64_t keep_end);

/* RAM from limit on is none; returns how many bytes that were. */
uint64_t bootinfo_clip(struct bootinfo *bi, uint64_t limit);

/* For who has read all ACPI tables: where they are is RAM. Returns the bytes.
 */
uint64_t bootinfo_reclaim_acpi(struct bootinfo *bi);

/* Is any of it RAM, or will it be when the tables of ACPI there are read? Then
 * no device is there, whoever says so. */
bool bootinfo_touches_ram(const struct bootinfo *bi, uint64_t start,
                          uint64_t end);
