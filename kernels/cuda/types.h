#pragma once
// What every CUDA kernel's header mentions. No CUDA header: the rooms above see pointers, extents and a stream.

#include "kernels/types.h"

#include <cstddef>
#include <cstdint>

struct CUstream_st; // what cudaStream_t points to

// Promises of every launch. It goes to the current device, asynchronously, in the order of the stream. Arguments are
// trusted: the room above checks shapes, types and alignment once. Zero rows launch nothing and are a success.
//
// Unless a header says otherwise: pointers are to device memory and aligned to 16 bytes, strides are in elements and
// multiples of 8, innermost extents are multiples of 8, sums are taken in float32 whatever the element type is, and
// outputs of a 16-bit type are rounded once, to nearest even. Activations, weights and cache of a model have one type,
// which Format names.

namespace argus::kernels::cuda {

/// A cudaStream_t.
using Stream = CUstream_st*;

/// What a launch returned, a cudaError_t; 0 is success. The rooms above turn others into words.
using Status = int;

} // namespace argus::kernels::cuda
