#pragma once
// The device interface: every operation of the model, on views. CpuOps implements it; CudaOps will.

namespace argus::ops {

class Ops;

} // namespace argus::ops
