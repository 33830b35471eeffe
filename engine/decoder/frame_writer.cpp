#include "engine/decoder/frame_writer.h"

#include "kernels/resize_bicubic.h"

#include <sys/mman.h>

#include <algorithm>

namespace argus::decoder {
namespace {

std::size_t rgbBytes(Size size)
{
    return static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height) * 3;
}

/// Has the kernel take a frame's memory in one call; otherwise it takes it page by page, each an interruption. A wish:
/// kernels before 5.14 do not know it.
void takeMemory(std::uint8_t* frame, std::size_t bytes)
{
    constexpr std::size_t kPage = 4096;
    const auto start = reinterpret_cast<std::uintptr_t>(frame) / kPage * kPage;
    const auto end = reinterpret_cast<std::uintptr_t>(frame) + bytes;
    ::madvise(reinterpret_cast<void*>(start), end - start, MADV_POPULATE_WRITE);
}

void resizeInto(const Session& session, std::size_t offset, const Rows& picture, Size to, bool inFloat)
{
    if (offset > session.output.size() || session.output.size() - offset < rgbBytes(to))
        refuse(Reason::BadRequest);
    std::uint8_t* const out = session.output.data() + offset;
    takeMemory(out, rgbBytes(to));
    const kernels::ResizeBicubic job{.out = out,
                                     .inWidth = picture.size.width,
                                     .inHeight = picture.size.height,
                                     .outWidth = to.width,
                                     .outHeight = to.height,
                                     .channels = 3,
                                     .outStride = static_cast<std::size_t>(to.width) * 3,
                                     .rowAt = picture.row};
    if (inFloat)
        kernels::resizeBicubicFloat(job);
    else
        kernels::resizeBicubicFixed(job);
}

Answer answerAbout(Size source)
{
    Answer answer;
    answer.reason = Reason::Fine;
    answer.width = source.width;
    answer.height = source.height;
    answer.frames = 1;
    return answer;
}

Size outputSize(const Session& session, Size source, std::optional<Size> model)
{
    if (!model)
        refuse(Reason::BadShape, static_cast<std::uint64_t>(source.width), static_cast<std::uint64_t>(source.height));
    return session.request.task == Task::Inspect ? thumbnailSize(source, static_cast<int>(session.request.side))
                                                 : *model;
}

bool wantsPixels(const Session& session)
{
    return session.request.task == Task::Frames || session.request.side > 0;
}

} // namespace

Rows rowsOf(const Picture& picture)
{
    const std::size_t stride = static_cast<std::size_t>(picture.size.width) * 3;
    return {picture.size, [&picture, stride](int y) { return &picture.rgb[static_cast<std::size_t>(y) * stride]; }};
}

void deliverImage(const Session& session, const Rows& picture, Size source)
{
    const Size size = outputSize(session, source, imageSize(source, session.request.rules));
    Answer answer = answerAbout(source);
    if (wantsPixels(session)) {
        resizeInto(session, 0, picture, size, false);
        answer.outputWidth = size.width;
        answer.outputHeight = size.height;
        answer.outputFrames = 1;
    } else {
        for (int y = 0; y < picture.size.height; ++y) // a file that ends too early is refused all the same
            picture.row(y);
    }
    finish(answer);
}

ClipWriter::ClipWriter(const Session& session, Size size, std::int64_t frames, double framesPerSecond,
                       double durationSeconds)
    : m_session(session), m_answer(answerAbout(size)),
      m_wanted(sampleFrames(frames, framesPerSecond, session.request.rules).frames)
{
    const Size output =
        outputSize(session, size, frameSize(size, static_cast<std::int64_t>(m_wanted.size()), session.request.rules));
    m_answer.isVideo = 1;
    m_answer.frames = frames;
    m_answer.framesPerSecond = framesPerSecond;
    m_answer.durationSeconds = durationSeconds;
    if (session.request.task == Task::Inspect)
        m_wanted = wantsPixels(session) ? std::vector<std::int64_t>{0} : std::vector<std::int64_t>{};
    if (!m_wanted.empty()) {
        m_answer.outputWidth = output.width;
        m_answer.outputHeight = output.height;
    }
    m_answer.outputFrames = static_cast<std::int32_t>(m_wanted.size());
}

void ClipWriter::add(const Picture& picture)
{
    const Size to{m_answer.outputWidth, m_answer.outputHeight};
    // A checkpoint that brings its own limits was trained on frames resized as pictures are; otherwise qwen-vl-utils'
    // float arithmetic holds.
    const bool inFloat = m_session.request.task == Task::Frames && m_session.request.rules.limitsFromCheckpoint == 0;
    resizeInto(m_session, m_added * rgbBytes(to), rowsOf(picture), to, inFloat);
    ++m_added;
}

void ClipWriter::deliver()
{
    if (m_added != m_wanted.size())
        refuse(Reason::FramesMissing, m_added, m_wanted.size());
    finish(m_answer);
}

} // namespace argus::decoder
