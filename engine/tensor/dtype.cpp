#include "engine/tensor/dtype.h"
