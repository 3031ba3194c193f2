#include "go_asm.h"
#include "textflag.h"

// A vector register holds a number of four frames.

// CONSTANT loads the 64 bits of an immediate into all lanes of y, whose lower half is x. No SSE
// instruction may stand among those of AVX: each would take some 70 cycles.
#define CONSTANT(bits, x, y) \
	MOVQ         bits, AX \
	VMOVQ        AX, x    \
	VPBROADCASTQ x, y

// func energiesAVX2(energies *[mostBands]vector, power *[bins]vector, filters []filter) (finite bool)
TEXT ·energiesAVX2(SB), NOSPLIT, $0-41
	MOVQ energies+0(FP), DI
	MOVQ power+8(FP), SI
	MOVQ filters_base+16(FP), BX
	MOVQ filters_len+24(FP), CX
	CONSTANT($0x3e70000000000000, X13, Y13) // logGuard
	CONSTANT($0x7fefffffffffffff, X14, Y14) // the largest finite number
	VXORPD Y15, Y15, Y15    // whether any is larger, or not a number

band:
	MOVQ   filter_first(BX), AX
	SHLQ   $5, AX
	ADDQ   SI, AX           // bins
	MOVQ   filter_weights(BX), R8
	MOVQ   (filter_weights+8)(BX), R9
	VXORPD Y0, Y0, Y0
	TESTQ  R9, R9
	JZ     guard

weight:
	VBROADCASTSD (R8), Y1
	VMULPD       (AX), Y1, Y1
	VADDPD       Y1, Y0, Y0
	ADDQ         $8, R8
	ADDQ         $32, AX
	DECQ         R9
	JNZ          weight

guard:
	VADDPD  Y13, Y0, Y0
	VCMPPD  $6, Y14, Y0, Y1 // not less or equal
	VORPD   Y1, Y15, Y15
	VMOVUPD Y0, (DI)
	ADDQ    $32, DI
	ADDQ    $filter__size, BX
	DECQ    CX
	JNZ     band

	VMOVMSKPD Y15, AX
	TESTL     AX, AX
	SETEQ     finite+40(FP)
	VZEROUPPER
	RET

// func logsAVX2(dst []float32, energies *[mostBands]vector, table *logTable)
TEXT ·logsAVX2(SB), NOSPLIT, $0-40
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ energies+24(FP), SI
	MOVQ table+32(FP), BX
	SHRQ $2, CX             // bands
	LEAQ (CX*4), R8         // bytes from frame to frame
	LEAQ (DI)(R8*2), DX     // frames 2 and 3
	CONSTANT($0x000fffffffffffff, X6, Y6)   // bits of the mantissa
	CONSTANT($0x3ff0000000000000, X7, Y7)   // 1
	CONSTANT($0x00000000000007f0, X8, Y8)   // an offset in the table
	CONSTANT($0x4330000000000000, X9, Y9)   // 2⁵²
	CONSTANT($0x43300000000003ff, X10, Y10) // 2⁵² + 1023
	CONSTANT($0x3fe62e42fefa39ef, X11, Y11) // ln 2
	CONSTANT($0x3fe0000000000000, X12, Y12) // 1/2
	CONSTANT($0x3fd5555555555555, X13, Y13) // 1/3
	CONSTANT($0x3fd0000000000000, X14, Y14) // 1/4
	CONSTANT($0x3fc999999999999a, X15, Y15) // 1/5

band:
	VMOVUPD      (SI), Y0
	VPSRLQ       $(52-const_logBits-4), Y0, Y2
	VPAND        Y8, Y2, Y2
	VEXTRACTI128 $1, Y2, X3
	VMOVQ        X2, R9
	VPEXTRQ      $1, X2, R10
	VMOVQ        X3, R11
	VPEXTRQ      $1, X3, R12
	VPSRLQ       $52, Y0, Y1
	VPOR         Y9, Y1, Y1
	VSUBPD       Y10, Y1, Y1        // e
	VMULPD       Y11, Y1, Y1
	VPAND        Y6, Y0, Y0
	VPOR         Y7, Y0, Y0         // m
	VMOVUPD      (BX)(R9*1), X2
	VMOVUPD      (BX)(R10*1), X3
	VINSERTF128  $1, (BX)(R11*1), Y2, Y2
	VINSERTF128  $1, (BX)(R12*1), Y3, Y3
	VUNPCKLPD    Y3, Y2, Y4         // 1/c
	VUNPCKHPD    Y3, Y2, Y5         // ln c
	VMULPD       Y4, Y0, Y0
	VSUBPD       Y7, Y0, Y0         // r
	VMULPD       Y15, Y0, Y2
	VSUBPD       Y2, Y14, Y2
	VMULPD       Y2, Y0, Y2
	VSUBPD       Y2, Y13, Y2
	VMULPD       Y2, Y0, Y2
	VSUBPD       Y2, Y12, Y2
	VMULPD       Y2, Y0, Y2
	VSUBPD       Y2, Y7, Y2
	VMULPD       Y2, Y0, Y2
	VADDPD       Y2, Y5, Y2
	VADDPD       Y2, Y1, Y1
	VCVTPD2PSY   Y1, X1
	VMOVSS       X1, (DI)
	VEXTRACTPS   $1, X1, (DI)(R8*1)
	VEXTRACTPS   $2, X1, (DX)
	VEXTRACTPS   $3, X1, (DX)(R8*1)
	ADDQ         $32, SI
	ADDQ         $4, DI
	ADDQ         $4, DX
	DECQ         CX
	JNZ          band
	VZEROUPPER
	RET

// HALLEY is one step from Y1 to the cube root of Y0. Y2 is twice Y0.
#define HALLEY \
	VMULPD Y1, Y1, Y3 \
	VMULPD Y1, Y3, Y3 \ // c
	VADDPD Y3, Y2, Y4 \
	VADDPD Y3, Y3, Y5 \
	VADDPD Y5, Y0, Y5 \
	VDIVPD Y5, Y4, Y4 \
	VMULPD Y4, Y1, Y1

// func loudnessAVX2(sum *vector, energies []vector)
TEXT ·loudnessAVX2(SB), NOSPLIT, $0-32
	MOVQ   sum+0(FP), DI
	MOVQ   energies_base+8(FP), SI
	MOVQ   energies_len+16(FP), CX
	CONSTANT($0x4170000000000000, X12, Y12) // 1/logGuard
	CONSTANT($0x55555555, X13, Y13)         // a third of 2³²
	CONSTANT($0x2a9f7893782da1ce, X14, Y14)
	VXORPD Y15, Y15, Y15

band:
	VMULPD   (SI), Y12, Y0
	VPSRLQ   $32, Y0, Y1
	VPMULUDQ Y13, Y1, Y1
	VPADDQ   Y14, Y1, Y1
	VADDPD   Y0, Y0, Y2
	HALLEY
	HALLEY
	VADDPD   Y1, Y15, Y15
	ADDQ     $32, SI
	DECQ     CX
	JNZ      band
	VMOVUPD  Y15, (DI)
	VZEROUPPER
	RET

// func emphasizeAVX2(dst []float64, x []float32)
TEXT ·emphasizeAVX2(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	CONSTANT($0x3fef0a3d70a3d70a, X15, Y15) // preEmphasis
	SHRQ $2, CX
	JZ   done

samples:
	VCVTPS2PD 0(SI), Y0
	VCVTPS2PD 4(SI), Y1
	VMULPD    Y15, Y0, Y0
	VSUBPD    Y0, Y1, Y1
	VMOVUPD   Y1, (DI)
	ADDQ      $16, SI
	ADDQ      $32, DI
	DECQ      CX
	JNZ       samples

done:
	VZEROUPPER
	RET
