#pragma once
// The largest of everything that crosses a process border. Both sides validate with the same numbers.

#include <cstddef>
#include <cstdint>

namespace argus::protocol {

constexpr std::uint32_t kVersion = 1;

constexpr std::size_t kMaxClientFrame = 1U << 20; ///< bytes of one ClientMessage or HeadMessage
constexpr std::size_t kChunkBytes =
    256U << 10;                            ///< upload chunk: four fit into one frame's bound, eight are on their way
constexpr std::uint32_t kUploadCredit = 8; ///< chunks on their way without a new grant
constexpr std::size_t kMaxUploadsPerSession = 4;
constexpr std::size_t kMaxMessages = 1024;        ///< of one conversation
constexpr std::size_t kMaxParts = 256;            ///< of one message
constexpr std::size_t kMaxTextBytes = 512U << 10; ///< of all texts of one ask
constexpr std::size_t kMaxIdBytes = 64;
constexpr std::size_t kMaxStops = 16;
constexpr std::size_t kMaxStopBytes = 256;
constexpr std::uint32_t kMaxTokens = 1'000'000; ///< one answer may have
constexpr std::size_t kMaxNameBytes = 256;      ///< names of heads, nodes, devices, programs, versions, states
constexpr std::size_t kMaxCauseBytes = 8192;    ///< cause or remedy of one error, paths
constexpr std::size_t kMaxSaid = 512;           ///< sentences of the catalogue in one, itself included
constexpr std::size_t kMaxSaidDepth = 8;        ///< sentences within sentences
constexpr std::size_t kMaxNodes = 64;           ///< of one cluster
constexpr std::size_t kMaxDevices = 64;         ///< of one node
constexpr std::uint32_t kMaxNvLinks = 64;       ///< of one GPU; 18 on those of 2026
constexpr std::uint64_t kMaxFileBytes = 1ULL
                                        << 40; ///< an upload may announce; what a head takes is a setting of its own
constexpr std::size_t kMaxThumbnailSide = 256; ///< 192 KiB of RGB
constexpr std::size_t kMaxExecutorFrame = 64U << 20; ///< a step of very long prompts
constexpr std::size_t kMaxDescriptors = 64;          ///< with one frame
constexpr std::size_t kMaxManifestFiles = 1024;      ///< of one checkpoint
constexpr std::size_t kMaxFileRanges = 65'536;       ///< of one file, that are there or are to be fetched
constexpr std::size_t kMaxLogBytes = 256U << 10;     ///< of one message of log lines
constexpr std::uint64_t kMaxPixelBytes = 1ULL << 30; ///< frames of one picture or clip
constexpr std::size_t kMaxExchangeKey = 256;         ///< what ranks tell each other before they can talk
constexpr std::size_t kMaxExchangeValue = 64U << 10;

} // namespace argus::protocol
