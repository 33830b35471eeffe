// argus-decoder-av: what argus-decoder becomes for files that need FFmpeg.

#include "engine/decoder/av.h"
#include "engine/decoder/child.h"
#include "engine/decoder/size_rules.h"

namespace {

using namespace argus;

void decode(const decoder::Session& session)
{
    if (decoder::isVideo(session.request.format))
        decoder::decodeVideo(session);
    decoder::decodePicture(session);
}

} // namespace

int main()
{
    return argus::decoder::runChild([](const argus::decoder::Request&) {}, decode);
}
