#pragma once
// That a pulled copy of a model is needed on this machine: what fetches it or has ranks that read it holds it, and
// nobody removes it meanwhile, from whatever process.

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

#include <filesystem>

namespace argus::node {

/// A lock beside the copy's folder, NAME in one called .NAME.lock, which stays: a lock inside the folder would be
/// removed with it. It ends with this object or with the process. Any number may hold a copy; who removes it is alone.
class CopyHold {
public:
    enum class Use {
        Fetched = 0,  ///< a pull adds to it
        Deployed = 1, ///< a deployment has ranks here that read it, now or after its next start
    };
    /// Errors: Busy when it is being removed; Io.
    [[nodiscard]] static Result<CopyHold> take(const std::filesystem::path& folder, Use use);
    /// To remove it: nobody can begin to use it while this lives. Errors: Busy when it is used, as what; Io.
    [[nodiscard]] static Result<CopyHold> toRemove(const std::filesystem::path& folder);
    /// Whether some process uses it so.
    [[nodiscard]] static bool isHeld(const std::filesystem::path& folder, Use use);

private:
    explicit CopyHold(UniqueFd lock) : m_lock(std::move(lock)) {}
    UniqueFd m_lock;
};

} // namespace argus::node
