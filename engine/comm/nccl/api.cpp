#include "engine/comm/nccl/api.h"

#include "engine/comm/nccl_version.h"

#include <dlfcn.h>
#include <fmt/format.h>

namespace argus::comm::nccl {

namespace {

template <typename Function>
bool find(void* handle, Function& function, const char* name)
{
    function = reinterpret_cast<Function>(::dlsym(handle, name));
    return function != nullptr;
}

} // namespace

std::shared_ptr<const Library> Library::open()
{
    auto library = std::make_shared<Library>();
    library->handle = openNcclLibrary();
    if (library->handle == nullptr)
        throw MissingLibrary(fmt::format("NCCL is missing on this machine: {}", ncclPlaces()));
    void* from = library->handle;
    if (!find(from, library->getVersion, "ncclGetVersion") ||
        library->getVersion(&library->version) != Status::Success || library->version < kOldestVersion)
        throw MissingLibrary(fmt::format("this machine's NCCL is {}; {} or later is needed",
                                         ncclVersionText(library->version), ncclVersionText(kOldestVersion)));
    const bool whole =
        find(from, library->getUniqueId, "ncclGetUniqueId") &&
        find(from, library->commInitRankConfig, "ncclCommInitRankConfig") &&
        find(from, library->commGetAsyncError, "ncclCommGetAsyncError") &&
        find(from, library->commAbort, "ncclCommAbort") && find(from, library->allReduce, "ncclAllReduce") &&
        find(from, library->allGather, "ncclAllGather") && find(from, library->send, "ncclSend") &&
        find(from, library->receive, "ncclRecv") && find(from, library->getErrorString, "ncclGetErrorString") &&
        find(from, library->getLastError, "ncclGetLastError");
    if (!whole)
        throw MissingLibrary("this machine's NCCL lacks functions that every NCCL has");
    return library;
}

} // namespace argus::comm::nccl
