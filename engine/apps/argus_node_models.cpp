// argus-node models: what this machine has fetched of models that others have, and room for something else.

#include "engine/apps/argus_node_common.h"
#include "engine/node/copy_hold.h"
#include "engine/node/model_pull.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <system_error>

namespace argus::apps {
namespace fs = std::filesystem;
namespace {

struct PulledModel {
    std::string name;
    fs::path folder;
    std::uint64_t whole = 0;  ///< bytes of its files as the head has them
    std::uint64_t onDisk = 0; ///< that they take here
    std::vector<int> users;   ///< processes that have one of its files in memory
    [[nodiscard]] std::string use() const
    {
        if (node::CopyHold::isHeld(folder, node::CopyHold::Use::Fetched))
            return "  being fetched";
        return !users.empty() || node::CopyHold::isHeld(folder, node::CopyHold::Use::Deployed) ? "  in use" : "";
    }
};

/// Processes of which we may see what they have mapped, this user's, that have a file below the folder in memory.
std::vector<int> usersOf(const fs::path& folder)
{
    std::vector<int> users;
    const std::string below = folder.string() + "/";
    std::error_code problem;
    for (fs::directory_iterator process("/proc", problem), end; !problem && process != end;
         process.increment(problem)) {
        const std::string name = process->path().filename().string();
        int pid = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size())
            continue;
        std::ifstream maps(process->path() / "maps");
        for (std::string line; std::getline(maps, line);)
            if (line.find(below) != std::string::npos) {
                users.push_back(pid);
                break;
            }
    }
    return users;
}

Result<std::vector<PulledModel>> pulledModels()
{
    std::vector<PulledModel> models;
    const fs::path all = node::pulledFolder("x").parent_path();
    std::error_code problem;
    const fs::path real = fs::canonical(all, problem); // as the kernel calls it, where it tells who uses it
    if (problem == std::errc::no_such_file_or_directory)
        return models;
    for (fs::directory_iterator entry(real, problem), end; !problem && entry != end; entry.increment(problem)) {
        std::error_code ignored;
        if (!entry->is_directory(ignored))
            continue;
        PulledModel model{.name = entry->path().filename().string(), .folder = entry->path(), .users = {}};
        // A pull may add and remove files meanwhile: what cannot be read is passed over, nothing is thrown.
        for (fs::recursive_directory_iterator file(entry->path(), ignored), last; !ignored && file != last;
             file.increment(ignored)) {
            struct stat info = {};
            if (::lstat(file->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode))
                continue;
            model.whole += static_cast<std::uint64_t>(info.st_size);
            model.onDisk += static_cast<std::uint64_t>(info.st_blocks) * 512;
        }
        model.users = usersOf(entry->path());
        models.push_back(std::move(model));
    }
    if (problem)
        return Error{ErrorCode::Io,
                     fmt::format("cannot read {}: {}", real.string(), problem.message()),
                     "check the folder's permissions",
                     {}};
    std::sort(models.begin(), models.end(), [](const PulledModel& a, const PulledModel& b) { return a.name < b.name; });
    return models;
}

std::string mib(std::uint64_t bytes)
{
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

int listModels()
{
    const Result<std::vector<PulledModel>> models = pulledModels();
    if (!models)
        return complain(models.error());
    if (models->empty())
        fmt::print("nothing has been fetched from a head to this machine\n");
    for (const PulledModel& model : *models)
        fmt::print("{}  {} on the disk of {} in all{}  {}\n", model.name, mib(model.onDisk), mib(model.whole),
                   model.use(), model.folder.string());
    return kOk;
}

Error inUse(const std::string& name, const std::vector<int>& users)
{
    return {ErrorCode::Busy,
            fmt::format("{} is in use by process {}", name, fmt::join(users, ", ")),
            "deploy another model, or end argus-node on this machine, and try again",
            {}};
}

/// Removed whole: a file that a process has mapped must not lose a part, and what is needed again is fetched again.
int removeModel(const std::string& name)
{
    const Result<std::vector<PulledModel>> models = pulledModels();
    if (!models)
        return complain(models.error());
    const auto found =
        std::find_if(models->begin(), models->end(), [&](const PulledModel& model) { return model.name == name; });
    if (found == models->end())
        return complain({ErrorCode::NotFound,
                         fmt::format("nothing of a model {} has been fetched to this machine", name),
                         "see: argus-node models list",
                         {}});
    const Result<node::CopyHold> alone = node::CopyHold::toRemove(found->folder);
    if (!alone)
        return complain(found->users.empty() || node::CopyHold::isHeld(found->folder, node::CopyHold::Use::Fetched)
                            ? alone.error()
                            : inUse(name, found->users));
    // Who has it in memory and does not hold it: an executor that is about to end, or a program of another kind.
    if (const std::vector<int> users = usersOf(found->folder); !users.empty())
        return complain(inUse(name, users));
    std::error_code problem;
    fs::remove_all(found->folder, problem);
    if (problem)
        return complain({ErrorCode::Io,
                         fmt::format("cannot remove {}: {}", found->folder.string(), problem.message()),
                         "check the folder's permissions",
                         {}});
    fmt::print("{} is free; a deployment that needs {} on this machine fetches it again\n", mib(found->onDisk), name);
    return kOk;
}

} // namespace

void addModels(CLI::App& app, Action& action)
{
    auto name = std::make_shared<std::string>();
    CLI::App* command = app.add_subcommand("models", "What this machine has fetched of models that only its head has");
    command->require_subcommand(1);
    command->add_subcommand("list", "Print each with its size on the disk, and whether it is in use")
        ->callback([&action] { action = listModels; });
    CLI::App* remove = command->add_subcommand("remove", "Free the disk of one that is not in use");
    remove->add_option("name", *name, "Its name in the list")->required();
    remove->callback([name, &action] { action = [name] { return removeModel(*name); }; });
}

} // namespace argus::apps
