#include "textflag.h"

// WINDOW loads the bits from AX on to the top of R11, and how many there are to R13.
#define WINDOW \
	CMPQ   AX, R8          \
	JGE    done            \
	MOVQ   AX, BX          \
	SHRQ   $3, BX          \
	MOVQ   (SI)(BX*1), R11 \
	BSWAPQ R11             \
	MOVQ   AX, CX          \
	ANDQ   $7, CX          \
	SHLXQ  CX, R11, R11    \
	MOVL   $64, R13        \
	SUBQ   CX, R13

// CODE decodes a code from R11. With z zeros above its first one, bits z to z+k are a one
// and the rest, so that the number is ((z-1)<<k) + that. A code that is not whole is left
// for the label.
#define CODE(partial) \
	LZCNTQ R11, R12         \
	LEAQ   (R12)(R10*1), R14 \
	CMPQ   R14, R13         \
	JGT    partial          \
	SHLXQ  R12, R11, BX     \
	SHRXQ  R15, BX, BX      \
	DECQ   R12              \
	SHLXQ  R9, R12, R12     \
	ADDQ   R12, BX          \
	SHLXQ  R14, R11, R11    \
	SUBQ   R14, R13         \
	MOVQ   BX, CX           \
	SHRQ   $1, BX           \
	ANDQ   $1, CX           \
	NEGQ   CX               \
	XORQ   CX, BX           \
	MOVQ   BX, (DI)         \
	ADDQ   $8, DI

// USED moves AX behind what was taken from a window.
#define USED \
	ANDQ $~7, AX \
	ADDQ $64, AX \
	SUBQ R13, AX

// func riceBMI(x []int64, b *byte, pos, end, k int) (n, after int)
//
// A window holds 57 bits at least. So that the processor can foresee the way, always as
// many codes are taken from one as nearly always fit.
TEXT ·riceBMI(SB), NOSPLIT, $0-72
	MOVQ x_base+0(FP), DI
	MOVQ x_len+8(FP), DX
	MOVQ b+24(FP), SI
	MOVQ pos+32(FP), AX
	MOVQ end+40(FP), R8
	MOVQ k+48(FP), R9
	LEAQ 1(R9), R10
	MOVQ $63, R15
	SUBQ R9, R15
	LEAQ (DI)(DX*8), DX

next:
	MOVQ DX, BX
	SUBQ DI, BX
	CMPQ BX, $32
	JLT  single
	CMPQ R9, $9
	JLE  four
	CMPQ R9, $22
	JLE  two

single:
	CMPQ DI, DX
	JEQ  done
	WINDOW
	CODE(done)
	USED
	JMP  next

four:
	WINDOW
	CODE(partial)
	CODE(partial)
	CODE(partial)
	CODE(partial)
	USED
	LEAQ 32(DI), BX
	CMPQ BX, DX
	JLE  four
	JMP  single

two:
	WINDOW
	CODE(partial)
	CODE(partial)
	USED
	LEAQ 16(DI), BX
	CMPQ BX, DX
	JLE  two
	JMP  single

partial:
	USED
	JMP single

done:
	SUBQ x_base+0(FP), DI
	SHRQ $3, DI
	MOVQ DI, n+56(FP)
	MOVQ AX, after+64(FP)
	RET
