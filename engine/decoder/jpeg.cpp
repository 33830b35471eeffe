#include "engine/decoder/jpeg.h"

#include "engine/decoder/frame_writer.h"

#include <cstddef>
#include <cstdio>

#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <cstring>

namespace argus::decoder {
namespace {

[[noreturn]] void onError(j_common_ptr info)
{
    refuse(info->err->msg_code == JERR_OUT_OF_MEMORY ? Reason::TooMuchMemory : Reason::Damaged);
}

/// Warnings are for damage that libjpeg paints over in grey. A file that ends too early is refused, as Pillow refuses
/// it; small offences pass.
void onMessage(j_common_ptr info, int level)
{
    if (level >= 0 || (info->err->msg_code != JWRN_JPEG_EOF && info->err->msg_code != JWRN_HIT_MARKER))
        return;
    const auto* picture = reinterpret_cast<const jpeg_decompress_struct*>(info);
    // Counted in rows of the file, also when a thumbnail has fewer.
    if (picture->output_height > 0 && picture->output_scanline < picture->output_height)
        refuse(Reason::Truncated,
               std::uint64_t{picture->output_scanline} * picture->image_height / picture->output_height,
               picture->image_height);
}

int orientationOf(const jpeg_decompress_struct& info)
{
    constexpr std::size_t kExifHead = 6; // "Exif\0\0"
    for (const jpeg_marker_struct* marker = info.marker_list; marker != nullptr; marker = marker->next)
        if (marker->marker == JPEG_APP0 + 1 && marker->data_length > kExifHead &&
            std::memcmp(marker->data, "Exif\0", 5) == 0)
            return orientationOfTiff({marker->data + kExifHead, marker->data_length - kExifHead});
    return 1;
}

/// Pillow's rounding of a · b / 255.
unsigned times255(unsigned a, unsigned b)
{
    const unsigned t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

/// Four inks to RGB as Pillow converts them. Adobe's files store them inverted.
void rowFromCmyk(const std::uint8_t* in, std::uint8_t* out, std::size_t width, bool inverted)
{
    for (std::size_t x = 0; x < width; ++x, in += 4, out += 3) {
        const auto ink = [&](int i) { return inverted ? 255U - in[i] : unsigned{in[i]}; };
        const unsigned light = 255U - ink(3);
        for (int c = 0; c < 3; ++c)
            out[c] = static_cast<std::uint8_t>(light - times255(ink(c), light));
    }
}

/// For a thumbnail: the smallest of libjpeg's scales (eighths) that is not below it.
void scaleDown(jpeg_decompress_struct& info, const Session& session)
{
    const auto longest = std::max(info.image_width, info.image_height);
    unsigned eighths = 8;
    while (eighths > 1 && longest * std::uint64_t{eighths / 2} / 8 >= session.request.side)
        eighths /= 2;
    info.scale_num = eighths;
    info.scale_denom = 8;
}

/// Rows as RGB, one after another.
class RowReader {
public:
    explicit RowReader(jpeg_decompress_struct& info)
        : m_info(info), m_inks(info.out_color_space == JCS_CMYK ? std::size_t{info.output_width} * 4 : 0)
    {
    }

    void read(std::uint8_t* row)
    {
        JSAMPROW target = m_inks.empty() ? row : m_inks.data();
        jpeg_read_scanlines(&m_info, &target, 1);
        if (!m_inks.empty())
            rowFromCmyk(m_inks.data(), row, m_info.output_width, m_info.saw_Adobe_marker != 0);
    }

private:
    jpeg_decompress_struct& m_info;
    std::vector<std::uint8_t> m_inks;
};

} // namespace

void decodeJpeg(const Session& session)
{
    const std::vector<std::uint8_t> file = readAll(session);
    jpeg_decompress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    errors.error_exit = onError;
    errors.emit_message = onMessage;
    jpeg_create_decompress(&info);
    info.mem->max_memory_to_use = static_cast<long>(session.request.memoryBytes / 2);
    jpeg_mem_src(&info, file.data(), static_cast<unsigned long>(file.size()));
    jpeg_save_markers(&info, JPEG_APP0 + 1, 0xFFFF);
    if (jpeg_read_header(&info, TRUE) != JPEG_HEADER_OK)
        refuse(Reason::Damaged);
    checkPixels(session, info.image_width, info.image_height, false);
    const int orientation = orientationOf(info);
    const Size source = upright({static_cast<int>(info.image_width), static_cast<int>(info.image_height)}, orientation);

    const bool inks = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
    info.out_color_space = inks ? JCS_CMYK : JCS_RGB;
    info.dct_method = JDCT_ISLOW;
    info.do_fancy_upsampling = TRUE;
    if (session.request.task == Task::Inspect)
        scaleDown(info, session);
    jpeg_start_decompress(&info);
    const Size size{static_cast<int>(info.output_width), static_cast<int>(info.output_height)};
    const std::size_t stride = std::size_t{info.output_width} * 3;
    RowReader reader(info);
    if (orientation == 1) { // resized row by row, while they are in the cache: the picture is never whole in memory
        std::vector<std::uint8_t> two(2 * stride);
        const auto next = [&](int y) {
            std::uint8_t* row = &two[static_cast<std::size_t>(y % 2) * stride];
            reader.read(row);
            return row;
        };
        deliverImage(session, {size, next}, source);
    }
    Picture picture{size, std::vector<std::uint8_t>(stride * info.output_height)};
    for (std::size_t y = 0; y < info.output_height; ++y)
        reader.read(&picture.rgb[y * stride]);
    picture = turned(std::move(picture), orientation);
    deliverImage(session, rowsOf(picture), source);
}

} // namespace argus::decoder
