#pragma once
// Which tile of which item a block works on, when the items' sizes are known on the device alone.

namespace argus::kernels::cuda::attention {

struct TileOfItem {
    int item = -1; ///< negative: there are not so many tiles
    int tile = 0;
    int tiles = 0; ///< of the item
};

/// Tile `index` when all tiles stand in a row, item by item; item i has tilesOf(i). Called by whole warps, each for
/// itself.
template <typename TilesOf>
__device__ __forceinline__ TileOfItem findTile(int index, int items, TilesOf&& tilesOf)
{
    constexpr unsigned kAll = 0xffffffffu;
    const int lane = static_cast<int>(threadIdx.x % 32);
    for (int first = 0; first < items; first += 32) {
        const int tiles = first + lane < items ? tilesOf(first + lane) : 0;
        int end = tiles;
#pragma unroll
        for (int step = 1; step < 32; step *= 2) {
            const int before = __shfl_up_sync(kAll, end, step);
            end += lane >= step ? before : 0;
        }
        const unsigned behind = __ballot_sync(kAll, end > index);
        if (behind != 0) {
            const int owner = __ffs(static_cast<int>(behind)) - 1;
            const int owned = __shfl_sync(kAll, tiles, owner);
            return {first + owner, index - (__shfl_sync(kAll, end, owner) - owned), owned};
        }
        index -= __shfl_sync(kAll, end, 31);
    }
    return {};
}

} // namespace argus::kernels::cuda::attention
