#include "engine/node/local_machine.h"

#include "engine/base/catalogue.h"
#include "engine/base/unique_fd.h"
#include "engine/comm/nccl_version.h"
#include "engine/protocol/validate.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <bit>
#include <fstream>
#include <memory>

namespace argus::node {
namespace {

constexpr std::uint16_t kAnyPort = 9; // a UDP socket sends nothing when it connects

std::string textOf(const sockaddr* address)
{
    char text[INET_ADDRSTRLEN] = {};
    if (address != nullptr && address->sa_family == AF_INET)
        ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text, sizeof text);
    return text;
}

std::uint32_t mtuOf(const char* interface)
{
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request = {};
    std::snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
    return socket.valid() && ::ioctl(socket.get(), SIOCGIFMTU, &request) == 0
               ? static_cast<std::uint32_t>(request.ifr_mtu)
               : 0;
}

/// Memory of a control group that is smaller than the machine's, as containers have it; else nothing.
std::optional<std::uint64_t> groupLimit()
{
    std::ifstream file("/sys/fs/cgroup/memory.max");
    std::uint64_t limit = 0;
    return file >> limit ? std::optional(limit) : std::nullopt;
}

std::uint64_t sharedMemory()
{
    struct statvfs info = {};
    return ::statvfs("/dev/shm", &info) == 0 ? std::uint64_t{info.f_blocks} * info.f_frsize : 0;
}

std::uint64_t openFiles()
{
    rlimit limit = {};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? std::uint64_t{limit.rlim_cur} : 0;
}

/// IPv4 of a host name or address, in the machine's order; nothing when it cannot be resolved.
std::optional<std::uint32_t> addressNumber(const std::string& text)
{
    in_addr number = {};
    return ::inet_pton(AF_INET, text.c_str(), &number) == 1 ? std::optional(ntohl(number.s_addr)) : std::nullopt;
}

} // namespace

LocalMachine::LocalMachine(Options options) : m_options(std::move(options)), m_facts(machineFacts()) {}

void LocalMachine::find(Deadline deadline)
{
    wire::Inventory found;
    std::error_code ignored;
    found.set_cuda_installed(std::filesystem::exists(m_options.programs / "argus-executor-cuda", ignored));
    found.set_cuda_needed(ARGUS_CUDA_MAJOR);
    std::vector<std::uint32_t> followed;
    if (found.cuda_installed() && m_options.gpus) {
        const GpuFacts facts = m_gpus.find(deadline);
        found.set_driver(facts.driver);
        found.set_driver_cuda(static_cast<std::uint32_t>(std::max(facts.driverCuda, 0)));
        if (facts.failure)
            *found.mutable_failure() = protocol::toWire(*facts.failure);
        for (const plan::Gpu& gpu : facts.gpus) {
            wire::InventoryDevice& device = *found.add_devices();
            device.set_kind("cuda");
            device.set_index(gpu.index);
            device.set_name(gpu.name);
            device.set_uuid(gpu.uuid);
            device.set_capability_major(static_cast<std::uint32_t>(gpu.capabilityMajor));
            device.set_capability_minor(static_cast<std::uint32_t>(gpu.capabilityMinor));
            device.set_processors(static_cast<std::uint32_t>(gpu.processors));
            device.set_memory_total(gpu.memoryTotal);
            device.set_memory_free(gpu.memoryFree);
            device.set_problem(english(gpu.problem));
            device.set_nvlinks_known(gpu.nvlinksKnown);
            for (const plan::NvLinks& links : gpu.nvlinks) {
                wire::NvLinks& out = *device.add_nvlinks();
                out.set_device(links.device);
                out.set_links(links.links);
                out.set_through_switch(links.throughSwitch);
            }
            if (!gpu.problem.empty())
                *device.mutable_problem_said() = protocol::toWire(gpu.problem);
            followed.push_back(gpu.index);
        }
        if (!followed.empty())
            found.set_nccl(comm::ncclLibraryVersion().value_or(""));
    }
    const unsigned parts = std::max(m_options.cpuDevices, 1U);
    const MemoryFigures memory = memoryFigures();
    for (unsigned i = 0; i < parts; ++i) {
        wire::InventoryDevice& device = *found.add_devices();
        device.set_kind("cpu");
        device.set_index(i);
        const unsigned threads = std::max(m_facts.threads / parts, 1U);
        const Said name = threads == 1 ? say("device-thread", m_facts.processor, threads)
                                       : say("device-threads", m_facts.processor, threads);
        device.set_name(english(name));
        *device.mutable_name_said() = protocol::toWire(name);
        device.set_memory_total(memory.total / parts);
        device.set_memory_free(memory.available / parts);
    }
    found.set_shared_memory_bytes(sharedMemory());
    found.set_open_files(openFiles());
    if (followed.empty())
        m_gpus.stop(Deadline(now())); // the driver may sleep again
    else
        m_gpus.follow(std::move(followed));
    {
        const std::scoped_lock lock(m_mutex);
        m_inventory = std::move(found);
    }
    findInterfaces();
}

void LocalMachine::findInterfaces()
{
    const std::vector<wire::NetworkInterface> interfaces = networkInterfaces();
    const std::string chosen = !m_options.interface.empty()   ? m_options.interface
                               : m_options.headAddress.empty() ? interfaceBeside({}, interfaces)
                                                               : interfaceTowards(m_options.headAddress, interfaces);
    const std::scoped_lock lock(m_mutex);
    m_inventory.clear_interfaces();
    for (const wire::NetworkInterface& interface : interfaces)
        *m_inventory.add_interfaces() = interface;
    m_inventory.set_interface(chosen);
}

wire::Inventory LocalMachine::inventory() const
{
    const std::scoped_lock lock(m_mutex);
    return m_inventory;
}

std::vector<wire::DeviceMemory> LocalMachine::memory() const
{
    const wire::Inventory known = inventory();
    const MemoryFigures host = memoryFigures();
    const std::optional<std::uint64_t> limit = groupLimit();
    const std::uint64_t total = limit ? std::min(host.total, *limit) : host.total;
    const auto parts = static_cast<std::uint64_t>(
        std::count_if(known.devices().begin(), known.devices().end(),
                      [](const wire::InventoryDevice& device) { return device.kind() == "cpu"; }));
    std::vector<wire::DeviceMemory> all;
    for (const wire::InventoryDevice& device : known.devices()) {
        wire::DeviceMemory& memory = all.emplace_back();
        memory.set_total(device.memory_total());
        memory.set_free(device.memory_free());
        if (device.kind() == "cpu") {
            memory.set_total(total / parts);
            memory.set_free(std::min(host.available, total) / parts);
        } else if (const std::optional<GpuMemory> reading = m_gpus.latest(device.index())) {
            memory.set_total(reading->total);
            memory.set_free(reading->free);
            memory.set_of_executor(reading->ofProcess.value_or(0));
        }
    }
    return all;
}

void LocalMachine::setProcess(pid_t process)
{
    m_gpus.setProcess(process);
}

void LocalMachine::stop(Deadline deadline)
{
    m_gpus.stop(deadline);
}

std::vector<wire::NetworkInterface> networkInterfaces()
{
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) != 0)
        return {};
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> held(first, [](ifaddrs* list) { ::freeifaddrs(list); });
    std::vector<wire::NetworkInterface> interfaces;
    for (const ifaddrs* each = first; each != nullptr && interfaces.size() < 64; each = each->ifa_next) {
        const std::string address = textOf(each->ifa_addr);
        if (address.empty() || (each->ifa_flags & IFF_UP) == 0) // "running" comes up to a second late
            continue;
        wire::NetworkInterface interface;
        interface.set_name(each->ifa_name);
        interface.set_address(address);
        const std::optional<std::uint32_t> mask = addressNumber(textOf(each->ifa_netmask));
        interface.set_prefix_bits(static_cast<std::uint32_t>(std::popcount(mask.value_or(0))));
        interface.set_mtu(mtuOf(each->ifa_name));
        interfaces.push_back(std::move(interface));
    }
    std::stable_partition(interfaces.begin(), interfaces.end(),
                          [](const wire::NetworkInterface& each) { return each.name() != "lo"; });
    return interfaces;
}

std::string interfaceTowards(const std::string& host, const std::vector<wire::NetworkInterface>& interfaces)
{
    addrinfo hints = {};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), std::to_string(kAnyPort).c_str(), &hints, &found) != 0)
        return {};
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> held(found, [](addrinfo* list) { ::freeaddrinfo(list); });
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in ours = {};
    socklen_t size = sizeof ours;
    if (!socket.valid() || ::connect(socket.get(), found->ai_addr, found->ai_addrlen) != 0 ||
        ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&ours), &size) != 0)
        return {};
    const std::string address = textOf(reinterpret_cast<const sockaddr*>(&ours));
    for (const wire::NetworkInterface& interface : interfaces)
        if (interface.address() == address)
            return interface.name();
    return {};
}

std::string interfaceBeside(const std::string& address, const std::vector<wire::NetworkInterface>& interfaces)
{
    const std::optional<std::uint32_t> other = addressNumber(address);
    for (const wire::NetworkInterface& interface : interfaces) {
        const std::optional<std::uint32_t> ours = addressNumber(interface.address());
        if (other && ours && interface.prefix_bits() > 0 &&
            ((*other ^ *ours) >> (32 - std::min(interface.prefix_bits(), 32U))) == 0)
            return interface.name();
    }
    return interfaces.empty() ? std::string() : interfaces.front().name();
}

bool isPublicAddress(const std::string& text)
{
    const std::optional<std::uint32_t> number = addressNumber(text);
    if (!number)
        return false;
    const auto within = [&](std::uint32_t net, int bits) { return (*number ^ net) >> (32 - bits) == 0; };
    return !(within(0x0A000000, 8) || within(0xAC100000, 12) || within(0xC0A80000, 16) || within(0x7F000000, 8) ||
             within(0xA9FE0000, 16) || within(0x64400000, 10));
}

static std::vector<plan::NvLinks> linksOf(const wire::InventoryDevice& device)
{
    std::vector<plan::NvLinks> all;
    for (const wire::NvLinks& links : device.nvlinks())
        all.push_back({.device = links.device(), .links = links.links(), .throughSwitch = links.through_switch()});
    return all;
}

plan::ClusterNode clusterNodeOf(const std::string& name, const wire::Inventory& inventory,
                                const std::vector<wire::DeviceMemory>& memory)
{
    plan::ClusterNode node;
    node.name = name;
    for (int i = 0; i < inventory.devices_size(); ++i) {
        const wire::InventoryDevice& from = inventory.devices(i);
        plan::ClusterDevice& device = node.devices.emplace_back();
        device.index = from.index();
        device.name = from.name();
        device.nameSaid = protocol::fromWire(from.name_said());
        device.memoryTotal = from.memory_total();
        device.memoryFree = from.memory_free();
        if (static_cast<std::size_t>(i) < memory.size()) {
            const wire::DeviceMemory& now = memory[static_cast<std::size_t>(i)];
            device.memoryTotal = now.total();
            device.memoryFree = std::min(now.total(), now.free() + now.of_executor());
        }
        device.users.assign(from.users().begin(), from.users().end());
        if (from.kind() == "cuda")
            device.gpu = plan::Gpu{.index = from.index(),
                                   .name = from.name(),
                                   .uuid = from.uuid(),
                                   .capabilityMajor = static_cast<int>(from.capability_major()),
                                   .capabilityMinor = static_cast<int>(from.capability_minor()),
                                   .processors = static_cast<int>(from.processors()),
                                   .memoryTotal = device.memoryTotal,
                                   .memoryFree = device.memoryFree,
                                   .nvlinks = linksOf(from),
                                   .nvlinksKnown = from.nvlinks_known(),
                                   .problem = from.has_problem_said() ? protocol::fromWire(from.problem_said())
                                                                      : Said(from.problem())};
    }
    node.interface = inventory.interface();
    for (const wire::NetworkInterface& interface : inventory.interfaces())
        if (interface.name() == inventory.interface()) {
            node.address = interface.address();
            node.prefixBits = static_cast<int>(interface.prefix_bits());
            node.mtu = interface.mtu();
            node.publicAddress = isPublicAddress(interface.address());
        }
    node.nccl = inventory.nccl();
    if (inventory.has_failure())
        node.gpuFailure = protocol::fromWire(inventory.failure());
    node.driver = inventory.driver();
    node.driverCuda = static_cast<int>(inventory.driver_cuda());
    node.cudaNeeded = static_cast<int>(inventory.cuda_needed());
    node.cudaInstalled = inventory.cuda_installed();
    node.sharedMemoryBytes = inventory.shared_memory_bytes();
    node.openFiles = inventory.open_files();
    return node;
}

} // namespace argus::node
