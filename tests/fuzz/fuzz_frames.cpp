// Frames between client and head and between head and worker, of both directions: parse and check. What passes the
// check must survive being written and read again.

#include "engine/protocol/validate.h"
#include "engine/protocol/validate_cluster.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

using namespace argus::protocol;

namespace {

template <typename Parse>
void check(Parse parse, std::span<const std::byte> frame)
{
    const auto parsed = parse(frame);
    if (!parsed) {
        if (parsed.error().cause.empty() || parsed.error().cause.size() > 4096)
            std::abort(); // an error always says what is wrong, and never carries the frame itself
        return;
    }
    const std::string again = parsed->SerializeAsString();
    if (!parse(std::as_bytes(std::span(again))))
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::span frame(reinterpret_cast<const std::byte*>(data), size);
    check(parseClientMessage, frame);
    check(parseHeadMessage, frame);
    check(parseWorkerMessage, frame);
    check(parseHeadToWorker, frame);
    return 0;
}
