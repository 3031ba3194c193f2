#include "textflag.h"

// A vector register holds four bands of a frame.

// func sumsAVX2(sum []float64, frames []float32)
TEXT ·sumsAVX2(SB), NOSPLIT, $0-48
	MOVQ sum_base+0(FP), DI
	MOVQ sum_len+8(FP), CX
	MOVQ frames_base+24(FP), SI
	MOVQ frames_len+32(FP), DX
	LEAQ (SI)(DX*4), DX     // end of the frames

frame:
	XORL AX, AX
	CMPQ SI, DX
	JAE  done

bands:
	VCVTPS2PD (SI), Y0
	VADDPD    (DI)(AX*8), Y0, Y0
	VMOVUPD   Y0, (DI)(AX*8)
	ADDQ      $16, SI
	ADDQ      $4, AX
	CMPQ      AX, CX
	JB        bands
	JMP       frame

done:
	VZEROUPPER
	RET

// func squaresAVX2(sum, mean []float64, frames []float32)
TEXT ·squaresAVX2(SB), NOSPLIT, $0-72
	MOVQ sum_base+0(FP), DI
	MOVQ sum_len+8(FP), CX
	MOVQ mean_base+24(FP), BX
	MOVQ frames_base+48(FP), SI
	MOVQ frames_len+56(FP), DX
	LEAQ (SI)(DX*4), DX     // end of the frames

frame:
	XORL AX, AX
	CMPQ SI, DX
	JAE  done

bands:
	VCVTPS2PD (SI), Y0
	VSUBPD    (BX)(AX*8), Y0, Y0
	VMULPD    Y0, Y0, Y0
	VADDPD    (DI)(AX*8), Y0, Y0
	VMOVUPD   Y0, (DI)(AX*8)
	ADDQ      $16, SI
	ADDQ      $4, AX
	CMPQ      AX, CX
	JB        bands
	JMP       frame

done:
	VZEROUPPER
	RET

// NORMALIZED loads four bands of a frame into x, the lower half of y, shifted by Y8 and scaled
// by Y9.
#define NORMALIZED(bands, x, y) \
	VCVTPS2PD  bands, y \
	VSUBPD     Y8, y, y \
	VMULPD     Y9, y, y \
	VCVTPD2PSY y, x

// func normalizeAVX2(dst, frames []float32, mean, scale *[4]float64, bands, stride int)
TEXT ·normalizeAVX2(SB), NOSPLIT, $0-80
	MOVQ    dst_base+0(FP), DI
	MOVQ    frames_base+24(FP), SI
	MOVQ    frames_len+32(FP), DX
	LEAQ    (SI)(DX*4), DX  // end of the frames
	MOVQ    mean+48(FP), AX
	VMOVUPD (AX), Y8
	MOVQ    scale+56(FP), AX
	VMOVUPD (AX), Y9
	MOVQ    bands+64(FP), R8
	SHLQ    $2, R8          // bytes of a frame
	MOVQ    stride+72(FP), R9
	SHLQ    $2, R9          // bytes of a row
	LEAQ    (DI)(R9*2), BX  // rows 2 and 3

frames:
	LEAQ      (SI)(R8*2), AX // frames 2 and 3
	NORMALIZED((SI), X0, Y0)
	NORMALIZED((SI)(R8*1), X1, Y1)
	NORMALIZED((AX), X2, Y2)
	NORMALIZED((AX)(R8*1), X3, Y3)

	// Frames become columns.
	VUNPCKLPS X1, X0, X4    // bands 0 and 1 of frames 0 and 1
	VUNPCKHPS X1, X0, X5    // bands 2 and 3
	VUNPCKLPS X3, X2, X6    // frames 2 and 3
	VUNPCKHPS X3, X2, X7
	VUNPCKLPD X6, X4, X0
	VUNPCKHPD X6, X4, X1
	VUNPCKLPD X7, X5, X2
	VUNPCKHPD X7, X5, X3
	VMOVUPS   X0, (DI)
	VMOVUPS   X1, (DI)(R9*1)
	VMOVUPS   X2, (BX)
	VMOVUPS   X3, (BX)(R9*1)
	ADDQ      $16, DI
	ADDQ      $16, BX
	LEAQ      (SI)(R8*4), SI
	CMPQ      SI, DX
	JB        frames
	VZEROUPPER
	RET
