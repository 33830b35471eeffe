#pragma once
// From an uploaded file to what the model sees. All parsing happens in argus-decoder, a sandboxed child.

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/media/memory_shelf.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace argus::media {

/// What the decoder accepts. Checked against the file's header before any pixel is decoded.
struct DecodeLimits {
    std::uint64_t maxImagePixels = 64'000'000;
    std::uint64_t maxVideoPixels = 8192ULL * 8192ULL; ///< of one frame
    std::uint32_t maxFrames = 768;                    ///< handed on to the model
    double maxVideoSeconds = 3600;
    std::uint64_t maxFileBytes = 4ULL << 30;
    std::uint64_t maxMemoryBytes = 3ULL << 30; ///< of one decoder process, beyond its programs and its output
    Milliseconds patience{60'000};             ///< wall clock; the child is killed then
};

/// How pictures become what the model sees: preprocessor_config.json of the checkpoint plus the rules of qwen-vl-utils.
struct PreprocessConfig {
    std::int64_t minPixels = 3136;
    std::int64_t maxPixels = 12'845'056;
    bool limitsFromCheckpoint = false; ///< they hold for the frames of clips too, in place of the video defaults
    int patchSize = 14;
    int temporalPatchSize = 2;
    int mergeSize = 2;
    float mean[3] = {0.48145466F, 0.4578275F, 0.40821073F};
    float std[3] = {0.26862954F, 0.26130258F, 0.27577711F};
    double framesPerSecond = 2.0;
    int minFrames = 4;
    int maxFrames = 768;
};
/// Temporal patches of `frames` frames: pairs, the last repeated when it is alone.
[[nodiscard]] int temporalPatches(int frames, const PreprocessConfig& config);

/// Reads preprocessor_config.json of a model folder; a missing file gives the defaults. Errors: Corrupt naming the key.
///
/// limitsFromCheckpoint is set when the checkpoint's max_pixels is below what a frame of a clip may have by default
/// (768 · 28 · 28): a model trained on small pictures has seen no large frames either. Its limits then hold for frames,
/// which are resized as pictures are (Pillow's arithmetic), since such a model's reference treats a clip as pictures;
/// other checkpoints get qwen-vl-utils' limits and float arithmetic.
[[nodiscard]] Result<PreprocessConfig> loadPreprocessConfig(const std::filesystem::path& folder);

enum class MediaKind { Image, Video };

/// What a file holds, from its header.
struct MediaInfo {
    MediaKind kind = MediaKind::Image;
    int width = 0; ///< after EXIF orientation
    int height = 0;
    double durationSeconds = 0; ///< videos
    double framesPerSecond = 0;
    std::int64_t frames = 0;
    // What the model will receive:
    int modelWidth = 0;
    int modelHeight = 0;
    int modelFrames = 0;
    std::int64_t modelTokens = 0;
};

struct Thumbnail {
    int width = 0;
    int height = 0;
    std::string rgb; ///< 3 bytes a pixel, rows without padding
};

struct Inspection {
    MediaInfo info;
    Thumbnail thumbnail;
};

/// One item as an executor takes it: frames resized to what the model sees, one after another in shared memory, each
/// patchSize · gridH rows of patchSize · gridW pixels of three bytes; grid in patches.
struct Pixels {
    ShelvedFile memory;
    std::size_t bytes = 0;
    MediaKind kind = MediaKind::Image;
    int frames = 0; ///< an odd last one stands for both of its temporal patch, as a picture does
    int gridT = 0;
    int gridH = 0;
    int gridW = 0;
    double secondsPerGrid = 0; ///< seconds of video under one temporal patch; 0 for images
    [[nodiscard]] std::int64_t tokens() const { return std::int64_t{gridT} * gridH * gridW / 4; }
};

/// Runs argus-decoder. Methods may be called from several threads at once, each starts its own child; between calls it
/// keeps nothing but memory for the next picture. Copies share that.
class MediaReader {
public:
    /// `decoder`: the argus-decoder program, usually programFolder() / "argus-decoder".
    MediaReader(std::filesystem::path decoder, DecodeLimits limits, PreprocessConfig config);

    /// Looks into the file and makes a thumbnail no larger than `side` on its longest side (0: none).
    /// Errors: Unsupported, Corrupt, TooLarge (naming the limit), Timeout, Crashed; each cause names what was wrong
    /// with the file.
    [[nodiscard]] Result<Inspection> inspect(const std::filesystem::path& file, int side) const;
    /// Decodes, samples frames and resizes them. Same errors.
    [[nodiscard]] Result<Pixels> read(const std::filesystem::path& file) const;

private:
    std::filesystem::path m_decoder;
    DecodeLimits m_limits;
    PreprocessConfig m_config;
    std::shared_ptr<MemoryShelf> m_memory; ///< what decoders write into
};

} // namespace argus::media
