#include "engine/protocol/admission.h"

#include "engine/base/files.h"
#include "engine/base/log.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace argus::protocol {

std::optional<KnownClient> Admission::find(const std::string& publicKey, Instant at)
{
    if (publicKey == m_ownKey)
        return KnownClient{.publicKey = publicKey, .name = "this user"};
    refresh(at);
    const auto found = std::find_if(m_clients.begin(), m_clients.end(),
                                    [&](const KnownClient& c) { return c.publicKey == publicKey; });
    return found == m_clients.end() ? std::nullopt : std::optional(*found);
}

void Admission::refresh(Instant at)
{
    struct stat info = {};
    if (::stat(m_file.c_str(), &info) != 0) {
        if (errno == ENOENT && m_clients.empty())
            return; // nobody was ever allowed
        return cannotRead(fmt::format("cannot read {}: {}", m_file.string(), systemError(errno)), at);
    }
    const Version version{.seconds = info.st_mtim.tv_sec,
                          .nanoseconds = info.st_mtim.tv_nsec,
                          .size = info.st_size,
                          .inode = info.st_ino};
    if (version != m_version) {
        if (info.st_size == 0) // what `keys` writes has a line of words even when nobody is left
            return cannotRead(fmt::format("{} is empty", m_file.string()), at);
        Result<std::vector<KnownClient>> clients = loadKnownClients(m_file);
        if (!clients)
            return cannotRead(clients.error().text(), at);
        m_clients = std::move(*clients);
        m_version = version;
    }
    m_goodAt = at;
    if (!std::exchange(m_said, {}).empty())
        log::info("{} is in order again and names {}", m_file.string(), m_clients.size());
}

void Admission::cannotRead(const std::string& why, Instant at)
{
    m_version.reset(); // what comes back is read, whatever it looks like
    if (!m_clients.empty() && m_goodAt && at - *m_goodAt <= kGrace) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(kGrace).count();
        if (sayOnce(fmt::format("{}: nobody new is admitted, and whom it named stays known for {} s", why, seconds)))
            log::warn("{}", m_said);
        return;
    }
    m_clients.clear();
    if (sayOnce(fmt::format("{}: nobody is known; mend it, or use argus-node keys allow", why)))
        log::error("{}", m_said);
}

bool Admission::sayOnce(std::string line)
{
    return std::exchange(m_said, line) != line;
}

} // namespace argus::protocol
