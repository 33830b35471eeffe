#pragma once
// Products of a warpgroup (four warps, 64 rows) whose right operand lies in shared memory. Compute capability 9.0 only:
// compiled for sm_90a.
//
// They run beside the threads. Until waitForProducts() their accumulators and the registers of their left operand
// belong to them, and so does what they read in shared memory.

#include "kernels/cuda/common/mma.cuh"

#include <cstdint>

namespace argus::kernels::cuda {

/// How the hardware finds an operand: where it begins and two distances between parts of it, in units of 16 bytes.
__device__ __forceinline__ std::uint64_t describe(const void* tile, int leading, int stride, int exchange)
{
    const std::uint64_t address = static_cast<std::uint32_t>(__cvta_generic_to_shared(tile)) & 0x3ffffu;
    return address >> 4 | static_cast<std::uint64_t>(leading >> 4) << 16 |
           static_cast<std::uint64_t>(stride >> 4) << 32 | static_cast<std::uint64_t>(exchange) << 62;
}

/// A tile of 128 columns in shared memory: halves of 64 columns, one behind the other, whose rows are 128 bytes with
/// their eight chunks of 16 bytes exchanged as the hardware expects it. Tiles begin at a multiple of 1024 bytes.
template <int kRows>
struct HalvedLayout {
    static constexpr int kHalfBytes = kRows * 128;
    static constexpr int kBytes = 2 * kHalfBytes;
    /// Of chunk 0 … 15 of a row.
    static constexpr __device__ __forceinline__ int offset(int row, int chunk)
    {
        return chunk / 8 * kHalfBytes + row * 128 + (chunk % 8 ^ row % 8) * 16;
    }
    /// Columns are summed over. The leading distance is of no use here.
    static __device__ __forceinline__ std::uint64_t overColumns(const void* tile)
    {
        return describe(tile, 16, 1024, 1);
    }
    /// Of the product over 16 columns.
    static constexpr int columnStep(int k) { return k / 4 * kHalfBytes + k % 4 * 32; }
    /// Rows are summed over: distances of halves and of eight rows.
    static __device__ __forceinline__ std::uint64_t overRows(const void* tile)
    {
        return describe(tile, kHalfBytes, 1024, 1);
    }
    static constexpr int rowStep(int k) { return k * 16 * 128; }
};

/// A tile of kColumns columns: each chunk of 16 bytes (8 columns) of all rows, then the next chunk. Between them lie 16
/// bytes, so that the chunks of a row are in different banks when they are written.
template <int kRows, int kColumns>
struct ChunkedLayout {
    static constexpr int kChunks = kColumns / 8;
    static constexpr int kChunkBytes = kRows * 16 + 16;
    static constexpr int kBytes = kChunks * kChunkBytes;
    static constexpr __device__ __forceinline__ int offset(int row, int chunk)
    {
        return chunk * kChunkBytes + row * 16;
    }
    /// Columns are summed over: distances of chunks and of eight rows.
    static __device__ __forceinline__ std::uint64_t overColumns(const void* tile)
    {
        return describe(tile, kChunkBytes, 128, 0);
    }
    static constexpr int columnStep(int k) { return k * 2 * kChunkBytes; }
    /// Rows are summed over: distances of eight rows and of chunks.
    static __device__ __forceinline__ std::uint64_t overRows(const void* tile)
    {
        return describe(tile, 128, kChunkBytes, 0);
    }
    static constexpr int rowStep(int k) { return k * 16 * 16; }
};

/// The operand `bytes` further on.
__device__ __forceinline__ std::uint64_t further(std::uint64_t description, int bytes)
{
    return description + static_cast<std::uint64_t>(bytes >> 4);
}

/// Copies into shared memory, all threads', have arrived and products may read them; and every thread is done with what
/// it read before.
__device__ __forceinline__ void waitForTile()
{
    waitForCopies<0>();
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); // products read by another way than copies write
    __syncthreads();
}
/// Before the first product after registers of its operands were written.
__device__ __forceinline__ void beginProducts()
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void closeProductGroup()
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// Waits until at most `Open` groups are still under way.
template <int Open>
__device__ __forceinline__ void waitForProducts()
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Open) : "memory");
}
/// Waits for all groups, in one of two instructions that the compiler takes for different ones. In the two branches of
/// a condition they stay behind it, and so behind what was computed before it; a wait in straight code is moved up, for
/// nothing that is computed depends on it, and then the computation does not run beside the products any more.
template <bool kFirst>
__device__ __forceinline__ void waitForProductsHere()
{
    if constexpr (kFirst)
        asm volatile("wgmma.wait_group.sync.aligned 0; // first" ::: "memory");
    else
        asm volatile("wgmma.wait_group.sync.aligned 0; // second" ::: "memory");
}
/// Keeps what is done with operands in registers on its side of a fence or a wait.
template <int kEights>
__device__ __forceinline__ void pin(float (&d)[kEights][4])
{
#pragma unroll
    for (int j = 0; j < kEights; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i)
            asm volatile("" : "+f"(d[j][i])::"memory");
}

template <int kSteps>
__device__ __forceinline__ void pin(unsigned (&a)[kSteps][4])
{
#pragma unroll
    for (int k = 0; k < kSteps; ++k)
#pragma unroll
        for (int i = 0; i < 4; ++i)
            asm volatile("" : "+r"(a[k][i])::"memory");
}

#define ARGUS_FOUR(j) "+f"(d[j][0]), "+f"(d[j][1]), "+f"(d[j][2]), "+f"(d[j][3])
#define ARGUS_40                                                                                                       \
    ARGUS_FOUR(0), ARGUS_FOUR(1), ARGUS_FOUR(2), ARGUS_FOUR(3), ARGUS_FOUR(4), ARGUS_FOUR(5), ARGUS_FOUR(6),           \
        ARGUS_FOUR(7), ARGUS_FOUR(8), ARGUS_FOUR(9)
#define ARGUS_64                                                                                                       \
    ARGUS_40, ARGUS_FOUR(10), ARGUS_FOUR(11), ARGUS_FOUR(12), ARGUS_FOUR(13), ARGUS_FOUR(14), ARGUS_FOUR(15)
#define ARGUS_128                                                                                                      \
    ARGUS_64, ARGUS_FOUR(16), ARGUS_FOUR(17), ARGUS_FOUR(18), ARGUS_FOUR(19), ARGUS_FOUR(20), ARGUS_FOUR(21),          \
        ARGUS_FOUR(22), ARGUS_FOUR(23), ARGUS_FOUR(24), ARGUS_FOUR(25), ARGUS_FOUR(26), ARGUS_FOUR(27),                \
        ARGUS_FOUR(28), ARGUS_FOUR(29), ARGUS_FOUR(30), ARGUS_FOUR(31)
#define ARGUS_NAMES_40                                                                                                 \
    "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,"   \
    "%30,%31,%32,%33,%34,%35,%36,%37,%38,%39"
#define ARGUS_NAMES_64                                                                                                 \
    ARGUS_NAMES_40 ",%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define ARGUS_NAMES_128                                                                                                \
    ARGUS_NAMES_64                                                                                                     \
    ",%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,"    \
    "%91,%92,%93,%94,%95,%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111,%112,%113,%114,"  \
    "%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127"

/// d[64,128] = a[64,16] · b[128,16]ᵀ, or += when `add`: columns of both are summed over. Lane 4g + t of warp w has rows
/// 16w + g and 16w + g + 8, of them columns 2t and 2t + 1 of every eight, as in mma16816().
template <typename T>
__device__ __forceinline__ void multiplyTiles(float (&d)[16][4], std::uint64_t a, std::uint64_t b, bool add)
{
    const int scale = add ? 1 : 0;
    if constexpr (__is_same(T, __half))
        asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"
                     "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {" ARGUS_NAMES_64
                     "}, %64, %65, p, 1, 1, 0, 0;\n}"
                     : ARGUS_64
                     : "l"(a), "l"(b), "r"(scale));
    else
        asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"
                     "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" ARGUS_NAMES_64
                     "}, %64, %65, p, 1, 1, 0, 0;\n}"
                     : ARGUS_64
                     : "l"(a), "l"(b), "r"(scale));
}

/// The same with 256 columns.
template <typename T>
__device__ __forceinline__ void multiplyTiles(float (&d)[32][4], std::uint64_t a, std::uint64_t b, bool add)
{
    const int scale = add ? 1 : 0;
    if constexpr (__is_same(T, __half))
        asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %130, 0;\n"
                     "wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16 {" ARGUS_NAMES_128
                     "}, %128, %129, p, 1, 1, 0, 0;\n}"
                     : ARGUS_128
                     : "l"(a), "l"(b), "r"(scale));
    else
        asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %130, 0;\n"
                     "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {" ARGUS_NAMES_128
                     "}, %128, %129, p, 1, 1, 0, 0;\n}"
                     : ARGUS_128
                     : "l"(a), "l"(b), "r"(scale));
}

/// d[64,128] += a[64,16] · b[16,128]: a in registers, as mma16816() takes it; rows of b are summed over.
template <typename T>
__device__ __forceinline__ void multiplyHeld(float (&d)[16][4], const unsigned (&a)[4], std::uint64_t b)
{
    if constexpr (__is_same(T, __half))
        asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {" ARGUS_NAMES_64
                     "}, {%64,%65,%66,%67}, %68, 1, 1, 1, 1;"
                     : ARGUS_64
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
    else
        asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" ARGUS_NAMES_64
                     "}, {%64,%65,%66,%67}, %68, 1, 1, 1, 1;"
                     : ARGUS_64
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

/// The same with 80 columns.
template <typename T>
__device__ __forceinline__ void multiplyHeld(float (&d)[10][4], const unsigned (&a)[4], std::uint64_t b)
{
    if constexpr (__is_same(T, __half))
        asm volatile("wgmma.mma_async.sync.aligned.m64n80k16.f32.f16.f16 {" ARGUS_NAMES_40
                     "}, {%40,%41,%42,%43}, %44, 1, 1, 1, 1;"
                     : ARGUS_40
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
    else
        asm volatile("wgmma.mma_async.sync.aligned.m64n80k16.f32.bf16.bf16 {" ARGUS_NAMES_40
                     "}, {%40,%41,%42,%43}, %44, 1, 1, 1, 1;"
                     : ARGUS_40
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

#undef ARGUS_NAMES_128
#undef ARGUS_NAMES_64
#undef ARGUS_NAMES_40
#undef ARGUS_128
#undef ARGUS_64
#undef ARGUS_40
#undef ARGUS_FOUR

} // namespace argus::kernels::cuda
