// A libnvidia-ml.so.1 for machines without a GPU. ARGUS_PRETEND_GPUS lists its cards as NAME|MAJOR.MINOR|GiB|FREE GiB,
// separated by ";"; ARGUS_PRETEND_CUDA is the release that the driver knows; ARGUS_PRETEND_NVLINK lists cards that two
// links join each, as "0-2;1-3".

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

struct Card {
    char name[64] = {};
    int major = 0;
    int minor = 0;
    unsigned long long total = 0;
    unsigned long long free = 0;
};

const std::vector<Card>& cards()
{
    static const std::vector<Card> all = [] {
        std::vector<Card> found;
        const char* const value = std::getenv("ARGUS_PRETEND_GPUS");
        std::string rest = value != nullptr ? value : "";
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find(';'), rest.size());
            Card card;
            if (std::sscanf(rest.substr(0, end).c_str(), "%63[^|]|%d.%d|%llu|%llu", card.name, &card.major, &card.minor,
                            &card.total, &card.free) == 5)
                found.push_back(card);
            rest.erase(0, end + 1);
        }
        return found;
    }();
    return all;
}

const Card& at(void* gpu)
{
    return cards()[reinterpret_cast<std::size_t>(gpu) - 1];
}

int write(char* text, unsigned size, const char* what)
{
    std::snprintf(text, size, "%s", what);
    return 0;
}

struct Pci {
    char shortId[16];
    unsigned domain, bus, device, kind, subsystem;
    char id[32];
};

int tellPlace(std::size_t card, Pci* place)
{
    *place = {};
    place->bus = 16 + static_cast<unsigned>(card);
    return 0;
}

/// The cards at the other ends of a card's links, by link.
std::vector<std::size_t> endsOf(std::size_t card)
{
    const char* const value = std::getenv("ARGUS_PRETEND_NVLINK");
    std::string rest = value != nullptr ? value : "";
    std::vector<std::size_t> ends;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(';'), rest.size());
        std::size_t a = 0;
        std::size_t b = 0;
        if (std::sscanf(rest.substr(0, end).c_str(), "%zu-%zu", &a, &b) == 2 && (a == card || b == card))
            ends.insert(ends.end(), 2, a == card ? b : a);
        rest.erase(0, end + 1);
    }
    return ends;
}

struct Memory {
    unsigned long long total, free, used;
};

} // namespace

extern "C" {
int nvmlInit_v2()
{
    return 0;
}
int nvmlShutdown()
{
    return 0;
}
const char* nvmlErrorString(int)
{
    return "pretended";
}
int nvmlSystemGetDriverVersion(char* text, unsigned size)
{
    return write(text, size, "599.00");
}
int nvmlSystemGetCudaDriverVersion_v2(int* version)
{
    const char* const value = std::getenv("ARGUS_PRETEND_CUDA");
    *version = value != nullptr ? std::atoi(value) : 99'000;
    return 0;
}
int nvmlDeviceGetCount_v2(unsigned* count)
{
    *count = static_cast<unsigned>(cards().size());
    return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** gpu)
{
    *gpu = reinterpret_cast<void*>(std::size_t{index} + 1);
    return 0;
}
int nvmlDeviceGetName(void* gpu, char* text, unsigned size)
{
    return write(text, size, at(gpu).name);
}
int nvmlDeviceGetUUID(void* gpu, char* text, unsigned size)
{
    return write(text, size, (std::string("GPU-") + at(gpu).name).c_str());
}
int nvmlDeviceGetCudaComputeCapability(void* gpu, int* major, int* minor)
{
    *major = at(gpu).major;
    *minor = at(gpu).minor;
    return 0;
}
int nvmlDeviceGetMemoryInfo(void* gpu, Memory* memory)
{
    const Card& card = at(gpu);
    *memory = {card.total << 30, card.free << 30, (card.total - card.free) << 30};
    return 0;
}
int nvmlDeviceGetPciInfo_v3(void* gpu, Pci* place)
{
    return tellPlace(reinterpret_cast<std::size_t>(gpu) - 1, place);
}
int nvmlDeviceGetNvLinkState(void* gpu, unsigned link, int* active)
{
    *active = 1;
    return link < endsOf(reinterpret_cast<std::size_t>(gpu) - 1).size() ? 0 : 2;
}
int nvmlDeviceGetNvLinkRemotePciInfo_v2(void* gpu, unsigned link, Pci* place)
{
    return tellPlace(endsOf(reinterpret_cast<std::size_t>(gpu) - 1).at(link), place);
}
int nvmlDeviceGetNvLinkRemoteDeviceType(void*, unsigned, int* type)
{
    *type = 0;
    return 0;
}
}
