#pragma once
// What Argus calls of NCCL, declared here: a machine that builds Argus need not have nccl.h, nor one that runs it NCCL.
// Holds for NCCL 2.14 and later: values and layouts of the interface have only been added to since.
// Source   nccl.h of 2.14.3, 2.18.1, 2.28.9

#include "engine/tensor/tensor.h"

#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>

namespace argus::comm::nccl {

struct Comm; ///< ncclComm

enum class Status : int { // ncclResult_t
    Success = 0,
    UnhandledCudaError = 1,
    SystemError = 2,
    InternalError = 3,
    InvalidArgument = 4,
    InvalidUsage = 5,
    RemoteError = 6,
    InProgress = 7,
};
enum class Type : int { Int8 = 0, Float16 = 6, Float32 = 7, Bfloat16 = 9 }; // ncclDataType_t
enum class Reduction : int { Sum = 0 };                                     // ncclRedOp_t

struct UniqueId { // ncclUniqueId
    char bytes[128];
};

/// ncclConfig_t as 2.14 had it. Later releases read `size` bytes and take defaults for what came after `version`.
struct Config {
    std::size_t size = sizeof(Config);
    unsigned magic = 0xcafebeef;
    unsigned version = 21403;
    int blocking = 0;
};
static_assert(sizeof(Config) == 24);

inline constexpr int kOldestVersion = 21403;

/// NCCL is not on this machine, or cannot be used.
class MissingLibrary : public OpsError {
    using OpsError::OpsError;
};

/// The functions, by the names they have in nccl.h.
struct Library {
    void* handle = nullptr; ///< stays loaded, as cuBLASLt does
    int version = 0;
    Status (*getVersion)(int*) = nullptr;
    Status (*getUniqueId)(UniqueId*) = nullptr;
    Status (*commInitRankConfig)(Comm**, int ranks, UniqueId, int rank, Config*) = nullptr;
    Status (*commGetAsyncError)(Comm*, Status*) = nullptr;
    Status (*commAbort)(Comm*) = nullptr;
    Status (*allReduce)(const void*, void*, std::size_t, Type, Reduction, Comm*, cudaStream_t) = nullptr;
    Status (*allGather)(const void*, void*, std::size_t, Type, Comm*, cudaStream_t) = nullptr;
    Status (*send)(const void*, std::size_t, Type, int to, Comm*, cudaStream_t) = nullptr;
    Status (*receive)(void*, std::size_t, Type, int from, Comm*, cudaStream_t) = nullptr;
    const char* (*getErrorString)(Status) = nullptr;
    const char* (*getLastError)(Comm*) = nullptr;

    /// Throws MissingLibrary.
    [[nodiscard]] static std::shared_ptr<const Library> open();
};

} // namespace argus::comm::nccl
