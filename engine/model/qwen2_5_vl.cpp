#include "engine/model/qwen2_5_vl.h"
