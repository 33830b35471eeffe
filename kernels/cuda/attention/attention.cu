#include "kernels/cuda/attention.h"

#include "kernels/cuda/attention/paths.h"

namespace argus::kernels::cuda {

std::size_t pagedAttentionWorkspace(int, int heads, int kvHeads, int, int processors)
{
    return attention::decodeWorkspace(heads, kvHeads, processors);
}

int pagedAttentionReach(int sequences, int longest, int most)
{
    return attention::shortReach(sequences, longest, most);
}

Status pagedAttention(const PagedAttention& work, Stream stream)
{
    if (work.rows == 0 || work.sliceCount == 0)
        return 0;
    if (work.type == Format::F32)
        return attention::attendPagedPlainly(work, stream);
    if (work.decodeOnly || work.mostRows == 1)
        return attention::takesShort(work) ? attention::decodeShort(work, stream)
                                           : attention::decodePaged(work, stream);
    if (work.sliceCount == 1)
        return attention::prefillPaged(work, 1, stream);
    // Which slices have one row is known on the device only: each launch takes its own. A row of a long sequence would
    // keep one block of the prefill busy for as long as the whole chunk keeps the others.
    if (const Status status = attention::decodePaged(work, stream); status != 0)
        return status;
    return attention::prefillPaged(work, 2, stream);
}

Status segmentAttention(const SegmentAttention& work, Stream stream)
{
    if (work.rows == 0 || work.segments == 0)
        return 0;
    if (work.type == Format::F32)
        return attention::attendSegmentsPlainly(work, stream);
    return attention::attendSegments(work, stream);
}

} // namespace argus::kernels::cuda
