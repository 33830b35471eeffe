#include "engine/media/media.h"
