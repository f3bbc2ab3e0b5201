; SPDX-License-Identifier: MIT
;
; refuse.asm: a machine or a loader that cannot run the hypervisor is told why
; in one line, on whatever there is: COM1, VGA text, the framebuffer that GRUB
; handed over; all of them, for who knows which one somebody looks at. Then the
; machine ends as a failure where exit=qemu asks for it, and halts with the line
; on its screen elsewhere: there is nothing yet that could switch it off.
;
; Runs in 32-bit protected mode without paging, as Multiboot2 starts a kernel
; (specification 2.0, 3.2), on any processor that GRUB runs on. The tags are the
; loader's, and it is believed what their lengths are; nothing is written but
; to what it says is the screen.

bits 32
default abs

COM1          equ 0x3f8
LINE_TRIES    equ 200000            ; a character takes 87 us
EXIT_PORT     equ 0xf4              ; hv/arch/power.c
EXIT_FAILURE  equ 0x11

TAG_END       equ 0
TAG_CMDLINE   equ 1
TAG_SCREEN    equ 8
SCREEN_RGB    equ 1
SCREEN_TEXT   equ 2

; Of the screen's tag (Multiboot2, 3.6.12).
FB_ADDR       equ 8
FB_PITCH      equ 16
FB_WIDTH      equ 20
FB_HEIGHT     equ 24
FB_BPP        equ 28
FB_TYPE       equ 29

VGA_TEXT      equ 0xb8000
VGA_CELLS     equ 80 * 25
GREY          equ 0x0720            ; a space, light grey on black
GLYPH_ROWS    equ 16
WIDE          equ 1600              ; from here on each dot is drawn as 2 x 2

extern font_glyphs_pa, font_count_pa, boot_stack_pa

section .boot progbits alloc exec nowrite align=16
global refuse
; esi: the text, zero behind it; ebp: Multiboot2's information, or 0.
refuse: mov esp, boot_stack_pa
        call find_tags
        call say_to_line
        test ebx, ebx
        jz .vga                     ; if there is none, nobody is hurt
        cmp byte [ebx + FB_TYPE], SCREEN_RGB
        je .rgb
        cmp byte [ebx + FB_TYPE], SCREEN_TEXT
        jne .end
.vga:   call say_as_text
        jmp .end
.rgb:   call say_as_pixels
.end:   call wants_exit
        jne .halt
        mov dx, EXIT_PORT
        mov eax, EXIT_FAILURE
        out dx, eax
.halt:  mov esi, halted             ; for who waits for the end on the line
        call say_to_line
.hlt:   hlt
        jmp .hlt

; ebx: the tag of the screen, edi: that of the command line; each or 0.
find_tags:
        xor ebx, ebx
        xor edi, edi
        test ebp, ebp
        jz .done
        mov edx, [ebp]
        add edx, ebp                ; its end
        lea eax, [ebp + 8]
.next:  lea ecx, [eax + 8]
        cmp ecx, edx
        ja .done
        cmp dword [eax], TAG_END
        je .done
        cmp dword [eax], TAG_SCREEN
        jne .other
        mov ebx, eax
.other: cmp dword [eax], TAG_CMDLINE
        jne .skip
        mov edi, eax
.skip:  mov ecx, [eax + 4]
        cmp ecx, 8
        jb .done
        add ecx, 7
        and ecx, -8
        add eax, ecx
        jmp .next
.done:  ret

; Keeps esi, ebx, edi. A line that nothing answers on takes no time.
say_to_line:
        push esi
        mov dx, COM1 + 7            ; scratch
        mov al, 0x5a
        out dx, al
        in al, dx
        cmp al, 0x5a
        jne .done
        mov dx, COM1 + 3            ; divisor 1: 115200, 8N1; hv/dev/serial.c
        mov al, 0x83
        out dx, al
        mov dx, COM1
        mov al, 1
        out dx, al
        inc edx
        mov al, 0
        out dx, al
        mov dx, COM1 + 3
        mov al, 3
        out dx, al
.next:  lodsb
        call put_on_line
        test al, al
        jnz .next
.done:  pop esi
        ret

; al, or what ends a line in the place of a zero. Keeps al.
put_on_line:
        test al, al
        jnz put_byte
        mov al, 13
        call put_byte
        mov al, 10
        call put_byte
        xor eax, eax
        ret
put_byte:
        mov ah, al
        mov dx, COM1 + 5
        mov ecx, LINE_TRIES
.wait:  in al, dx
        test al, 0x20               ; room
        jnz .room
        loop .wait
.room:  mov al, ah
        mov dx, COM1
        out dx, al
        ret

; Keeps esi, edi.
say_as_text:
        push esi
        push edi
        mov edi, VGA_TEXT
        mov eax, GREY << 16 | GREY
        mov ecx, VGA_CELLS / 2
        rep stosd
        mov edi, VGA_TEXT
        mov ah, GREY >> 8
.next:  lodsb
        test al, al
        jz .done
        stosw
        jmp .next
.done:  pop edi
        pop esi
        ret

; White is all ones and black is all zeroes in whatever format, so that it need
; not be known. Above 4 GiB nothing can be reached, and without a font nothing
; be drawn. Keeps edi.
say_as_pixels:
        cmp dword [ebx + FB_ADDR + 4], 0
        jne .none
        cmp dword [font_count_pa], 0
        je .none
        push edi
        mov edi, [ebx + FB_ADDR]
        mov ecx, [ebx + FB_PITCH]
        imul ecx, [ebx + FB_HEIGHT]
        xor eax, eax
        rep stosb
        movzx edx, byte [ebx + FB_BPP]
        add edx, 7
        shr edx, 3                  ; edx: bytes of a dot
        mov edi, [ebx + FB_ADDR]
.next:  lodsb
        test al, al
        jz .done
        call draw_glyph
        jmp .next
.done:  pop edi
.none:  ret

; al at edi, which goes on to the place of the next. Keeps ebx, edx, esi.
draw_glyph:
        push esi
        push ebp
        movzx esi, al
        sub esi, ' '
        shl esi, 4
        add esi, font_glyphs_pa
        push edi
        mov ebp, GLYPH_ROWS
.row:   mov ah, [esi]
        inc esi
        call draw_row
        cmp dword [ebx + FB_WIDTH], WIDE
        jb .once
        call draw_row
.once:  dec ebp
        jnz .row
        pop edi
        lea eax, [edx * 8]
        cmp dword [ebx + FB_WIDTH], WIDE
        jb .narrow
        add eax, eax
.narrow:
        add edi, eax
        pop ebp
        pop esi
        ret

; Eight dots as the bits of ah say, and edi to the line below. Keeps ah.
draw_row:
        push eax
        push edi
        mov ch, 8
.dot:   shl ah, 1
        sbb al, al                  ; all ones, or none
        call draw_dot
        cmp dword [ebx + FB_WIDTH], WIDE
        jb .once
        call draw_dot
.once:  dec ch
        jnz .dot
        pop edi
        pop eax
        add edi, [ebx + FB_PITCH]
        ret

draw_dot:
        mov cl, dl
.byte:  stosb
        dec cl
        jnz .byte
        ret

; Equal: the command line of the tag edi has the word exit=qemu.
wants_exit:
        test edi, edi
        jz .no
        lea eax, [edi + 8]
.word:  mov esi, eax
        mov edi, exit_qemu
        mov ecx, exit_qemu.end - exit_qemu
        repe cmpsb
        jne .skip
        cmp byte [esi], ' '
        je .done
        cmp byte [esi], 0
        je .done
.skip:  cmp byte [eax], 0
        je .no
        inc eax
        cmp byte [eax - 1], ' '
        jne .skip
        jmp .word
.no:    or eax, 1                   ; not equal
.done:  ret

halted: db "(hv) halted", 0
exit_qemu: db "exit=qemu"
.end:

section .note.GNU-stack noalloc noexec nowrite progbits
