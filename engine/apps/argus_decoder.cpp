// argus-decoder: one file, read inside a sandbox. Started by argus::media::MediaReader, which says what to do through
// its descriptors.
//
// This program knows JPEG only. For anything else it becomes argus-decoder-av: loading FFmpeg's libraries takes longer
// than decoding a photograph.

#include "engine/decoder/child.h"
#include "engine/decoder/jpeg.h"

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>

namespace {

using namespace argus;

void becomeTheOther(const decoder::Request& request)
{
    if (request.format == decoder::Format::Jpeg || request.task == decoder::Task::SelfTest)
        return;
    std::error_code unread;
    std::string program =
        (std::filesystem::read_symlink("/proc/self/exe", unread).parent_path() / "argus-decoder-av").string();
    char* const arguments[] = {program.data(), nullptr};
    ::execv(program.c_str(), arguments);
    decoder::refuse(decoder::Reason::NoProgram, static_cast<std::uint64_t>(errno));
}

} // namespace

int main()
{
    return argus::decoder::runChild(becomeTheOther, argus::decoder::decodeJpeg);
}
