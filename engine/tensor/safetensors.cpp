#include "engine/tensor/safetensors.h"
