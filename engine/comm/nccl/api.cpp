#include "engine/comm/nccl/api.h"

#include "engine/base/catalogue.h"
#include "engine/comm/nccl_version.h"

#include <dlfcn.h>

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
        throw MissingLibrary(say("nccl-not-here", say("nccl-places", "/usr/local/cuda", "libnccl.so.2")));
    void* from = library->handle;
    if (!find(from, library->getVersion, "ncclGetVersion") ||
        library->getVersion(&library->version) != Status::Success || library->version < kOldestVersion)
        throw MissingLibrary(say("nccl-old", ncclVersionText(library->version), ncclVersionText(kOldestVersion)));
    const bool whole =
        find(from, library->getUniqueId, "ncclGetUniqueId") &&
        find(from, library->commInitRankConfig, "ncclCommInitRankConfig") &&
        find(from, library->commGetAsyncError, "ncclCommGetAsyncError") &&
        find(from, library->commAbort, "ncclCommAbort") && find(from, library->allReduce, "ncclAllReduce") &&
        find(from, library->allGather, "ncclAllGather") && find(from, library->send, "ncclSend") &&
        find(from, library->receive, "ncclRecv") && find(from, library->getErrorString, "ncclGetErrorString") &&
        find(from, library->getLastError, "ncclGetLastError");
    if (!whole)
        throw MissingLibrary(say("nccl-incomplete"));
    return library;
}

} // namespace argus::comm::nccl
