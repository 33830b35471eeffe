#pragma once
// Instruction sets our kernels are compiled for: AVX-512, AVX2, and the plain loop that defines what is right. Included
// before any Highway header.
//
// SSE4 machines run the plain loop: they are older than what holds a model of this size, and every target costs compile
// time and test time.

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4)
#define HWY_BROKEN_EMU128 1 // GCC 12.2 miscompiles it; one plain target for every compiler
