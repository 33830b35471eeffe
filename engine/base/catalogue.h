#pragma once
// Every sentence that people read in a window as well as in a log, once: the engine makes its English from here, and
// the desktop has it translated (lupdate reads this file). say() fills one in.
//
// A template names its placeholders: "{node} lacks {size} of {folder}". "{there|, }" takes several sentences, with what
// stands between two of them. A translation has the same placeholders in any order.

#include "engine/base/said.h"

#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// Marks a text of that context for lupdate, as QT_TRANSLATE_NOOP does; see translations/glossary.md for the command.
#define ARGUS_SENTENCE(context, english) english

namespace argus {

struct SaidTemplate {
    std::string_view id;
    const char* english = "";
};

// clang-format off
inline constexpr auto kCatalogue = std::to_array<SaidTemplate>({
    // ---- general ----
    {"literal", ARGUS_SENTENCE("Said", "{words}")},
    {"in", ARGUS_SENTENCE("Said", "{where}: {what}")},
    {"any-of", ARGUS_SENTENCE("Said", "{ways|, }, or {last}")},
    {"then", ARGUS_SENTENCE("Said", "{first}; {second}")},
    {"device-thread", ARGUS_SENTENCE("Said", "{processor}, {count} thread")},
    {"device-threads", ARGUS_SENTENCE("Said", "{processor}, {count} threads")},
    {"do-cpu", ARGUS_SENTENCE("Said", "compute on the CPU with --device cpu")},
    {"or", ARGUS_SENTENCE("Said", "{remedy}, or {other}")},
    // ---- settings ----
    {"setting-refused", ARGUS_SENTENCE("Said", "{setting} is {value}, allowed is {allowed}")},
    {"allowed-range", ARGUS_SENTENCE("Said", "{lowest} to {highest}")},
    {"allowed-folder", ARGUS_SENTENCE("Said", "the path of a folder")},
    {"allowed-numbers", ARGUS_SENTENCE("Said", "numbers such as 20,16")},
    {"do-use-default", ARGUS_SENTENCE("Said", "use {value}, the default, or another allowed value")},
    {"value-automatic", ARGUS_SENTENCE("Said", "0 (automatic)")},
    {"setting-unknown", ARGUS_SENTENCE("Said", "there is no setting {setting}")},
    {"do-see-settings", ARGUS_SENTENCE("Said", "see the list of settings for its name")},
    {"node-setting-unknown", ARGUS_SENTENCE("Said", "a machine has no setting {setting}")},
    {"batch-below-sequences", ARGUS_SENTENCE("Said",
     "max_batched_tokens is {tokens}, less than max_num_seqs {sequences}: a step could not serve everyone")},
    {"do-set-batch", ARGUS_SENTENCE("Said", "set max_batched_tokens to {tokens} or more")},
    {"dtype-cpu", ARGUS_SENTENCE("Said",
     "dtype is {dtype}, but a CPU computes in float32, whatever the checkpoint stores")},
    {"do-auto-float32", ARGUS_SENTENCE("Said", "use auto or float32")},
    {"dtype-gpu", ARGUS_SENTENCE("Said",
     "dtype is bfloat16, but {device} has compute capability {capability} and bfloat16 came with {needed}")},
    {"do-auto-float16", ARGUS_SENTENCE("Said", "use auto or float16")},
    {"dummy-cpu", ARGUS_SENTENCE("Said", "load_format is dummy, but a CPU executor only loads weights that exist")},
    {"do-load-auto", ARGUS_SENTENCE("Said", "use load_format auto")},
    {"device-ranks", ARGUS_SENTENCE("Said", "device is {device}, one GPU, but {ranks} ranks are wanted")},
    {"do-auto-one", ARGUS_SENTENCE("Said", "use auto, or tensor_parallel_size 1 and pipeline_parallel_size 1")},
    {"device-left-out", ARGUS_SENTENCE("Said", "device is {device}, which the devices of {node} leave out")},
    {"do-auto", ARGUS_SENTENCE("Said", "use auto")},
    {"context-beyond-model", ARGUS_SENTENCE("Said",
     "max_model_len is {asked}, but the model was made for {most} tokens")},
    {"do-at-most", ARGUS_SENTENCE("Said", "use at most {most}")},
    {"settings-of-stranger", ARGUS_SENTENCE("Said", "there are settings for {node}, which has never joined")},
    {"do-start-or-forget", ARGUS_SENTENCE("Said", "start argus-node there, or forget its settings")},
    // ---- sizes ----
    {"heads-share", ARGUS_SENTENCE("Said", "{count} attention heads cannot be shared by tensor_parallel_size {size}")},
    {"kv-heads-share", ARGUS_SENTENCE("Said",
     "{count} KV heads can be neither shared by nor repeated over tensor_parallel_size {size}")},
    {"inner-share", ARGUS_SENTENCE("Said",
     "intermediate_size {count} cannot be shared by tensor_parallel_size {size}")},
    {"vocabulary-share", ARGUS_SENTENCE("Said",
     "a vocabulary of {count} (padded to {padded}) cannot be shared by tensor_parallel_size {size}")},
    {"awq-share", ARGUS_SENTENCE("Said",
     "{layer}: {what} {inputs} is {groups} AWQ groups of {group}, which tensor_parallel_size {size} "
     "cannot share ({each} each)")},
    {"input-width", ARGUS_SENTENCE("Said", "the width of its input")},
    {"tensor-size-is", ARGUS_SENTENCE("Said", "tensor_parallel_size is {size}")},
    {"do-use", ARGUS_SENTENCE("Said", "use {sizes}")},
    {"do-use-one-of", ARGUS_SENTENCE("Said", "use one of {sizes}")},
    {"layers-share", ARGUS_SENTENCE("Said", "{layers} layers cannot be shared by pipeline_parallel_size {size}")},
    {"do-use-up-to", ARGUS_SENTENCE("Said", "use 1 to {most}")},
    {"stages-no-list", ARGUS_SENTENCE("Said", "stage_layers is \"{text}\", which is no list of numbers")},
    {"stages-count", ARGUS_SENTENCE("Said", "stage_layers is \"{text}\", {count} numbers for {stages} stages")},
    {"stages-range", ARGUS_SENTENCE("Said", "stage_layers is \"{text}\", but every stage has 1 to {layers} layers")},
    {"stages-sum", ARGUS_SENTENCE("Said",
     "stage_layers is \"{text}\", {sum} layers in all, but the model has {layers}")},
    {"do-stages", ARGUS_SENTENCE("Said",
     "leave stage_layers empty, or write {stages} numbers with the sum {layers}, such as {example}")},
    {"need-gpu", ARGUS_SENTENCE("Said", "a GPU is needed")},
    {"need-cpu", ARGUS_SENTENCE("Said", "a CPU device is needed")},
    {"need-gpus", ARGUS_SENTENCE("Said", "{ranks} GPUs are needed, {size} on one machine for each of {stages} stages")},
    {"need-cpus", ARGUS_SENTENCE("Said",
     "{ranks} CPU devices are needed, {size} on one machine for each of {stages} stages")},
    {"node-has", ARGUS_SENTENCE("Said", "{node} has {count}")},
    {"too-few", ARGUS_SENTENCE("Said", "{need}; of those that can be used {there|, }")},
    {"too-few-mixed", ARGUS_SENTENCE("Said",
     "{need}; of those that can be used {there|, }; GPUs and CPUs are not mixed")},
    {"do-fewer-gpus", ARGUS_SENTENCE("Said", "use smaller sizes, or add GPUs")},
    {"do-fewer-cpus", ARGUS_SENTENCE("Said", "use smaller sizes, or add machines")},
    {"other-division", ARGUS_SENTENCE("Said",
     "{remedy}; tensor_parallel_size {size} with pipeline_parallel_size {stages} uses {devices} devices")},
    {"fits-with", ARGUS_SENTENCE("Said",
     "{remedy}; it fits with tensor_parallel_size {size} with pipeline_parallel_size {stages}")},
    // ---- memory ----
    {"context-needs", ARGUS_SENTENCE("Said", "a context of {context} tokens needs {size}: {parts|, }; {room}")},
    {"context-needs-of", ARGUS_SENTENCE("Said",
     "a context of {context} tokens needs {size} of {device}: {parts|, }; {room}")},
    {"part-weights", ARGUS_SENTENCE("Said", "weights {size}")},
    {"part-kv", ARGUS_SENTENCE("Said", "KV cache {size}")},
    {"part-working", ARGUS_SENTENCE("Said", "working memory {size}")},
    {"part-cuda", ARGUS_SENTENCE("Said", "CUDA itself {size}")},
    {"part-communication", ARGUS_SENTENCE("Said", "communication {size}")},
    {"room-of-free", ARGUS_SENTENCE("Said",
     "{size} may be used (gpu_memory_utilization {share} of the {free} that are free)")},
    {"room-of-all", ARGUS_SENTENCE("Said",
     "{size} may be used (gpu_memory_utilization {share} of {total}, {free} of which are free)")},
    {"do-raise-share", ARGUS_SENTENCE("Said", "raise gpu_memory_utilization to {share}")},
    {"do-free-memory", ARGUS_SENTENCE("Said", "free {size} by closing other programs")},
    {"do-free-memory-of", ARGUS_SENTENCE("Said", "free {size} of {device} by closing other programs")},
    {"do-set-context", ARGUS_SENTENCE("Said", "set max_model_len to {tokens} or less")},
    {"do-spread", ARGUS_SENTENCE("Said", "spread the model over more devices")},
    {"do-smaller-or-quantised", ARGUS_SENTENCE("Said", "take a smaller or quantised checkpoint")},
    {"do-smaller-checkpoint", ARGUS_SENTENCE("Said", "take a smaller checkpoint")},
    {"no-context-fits", ARGUS_SENTENCE("Said", "no context fits: {ways}")},
    {"occupied", ARGUS_SENTENCE("Said", "{device}: {size} are used by {users}")},
    {"other-programs", ARGUS_SENTENCE("Said", "other programs")},
    {"all-occupied", ARGUS_SENTENCE("Said", "{occupations|; }")},
    {"do-stop-programs", ARGUS_SENTENCE("Said", "stop these programs, or use other devices")},
    {"unequal", ARGUS_SENTENCE("Said",
     "stage {stage} joins {larger} with {most} and {smaller} with {least}: the smallest decides, and "
     "{unused} stay unused")},
    {"do-equal-devices", ARGUS_SENTENCE("Said", "put devices of one size in a stage")},
    // ---- devices ----
    {"device-is", ARGUS_SENTENCE("Said", "{device} {problem}")},
    {"some-devices-are", ARGUS_SENTENCE("Said", "{devices|, }")},
    {"capability", ARGUS_SENTENCE("Said", "{device} has compute capability {capability}")},
    {"capability-below", ARGUS_SENTENCE("Said",
     "{device} has compute capability {capability}, but {needed} or newer is needed")},
    {"kernels-for", ARGUS_SENTENCE("Said", "{devices|, }; this release has kernels for {capabilities} and newer")},
    {"awq-kernels-for", ARGUS_SENTENCE("Said",
     "{devices|, }; this release has kernels for AWQ for {capabilities} and newer")},
    {"do-other-devices", ARGUS_SENTENCE("Said", "use other devices of {node}")},
    {"do-other-gpu", ARGUS_SENTENCE("Said", "use another GPU")},
    {"do-newer-gpu", ARGUS_SENTENCE("Said", "use a newer GPU")},
    {"cuda-executor-missing", ARGUS_SENTENCE("Said", "argus-executor-cuda is not installed beside argus-node")},
    {"do-install-cuda", ARGUS_SENTENCE("Said", "install Argus with CUDA")},
    {"cuda-executor-missing-on", ARGUS_SENTENCE("Said",
     "{node} has GPUs, but argus-executor-cuda is not installed there")},
    {"do-install-cuda-on", ARGUS_SENTENCE("Said", "install Argus with CUDA on {node}")},
    {"no-gpu", ARGUS_SENTENCE("Said", "this computer shows no NVIDIA GPU")},
    {"do-see-nvidia-smi", ARGUS_SENTENCE("Said",
     "see whether nvidia-smi lists it and CUDA_VISIBLE_DEVICES leaves it visible")},
    {"driver-knows", ARGUS_SENTENCE("Said",
     "the NVIDIA driver {driver} knows CUDA {knows}, but argus-executor-cuda is built with CUDA {needed}")},
    {"do-update-driver", ARGUS_SENTENCE("Said", "update the driver to {driver} or newer")},
    {"driver-on-supports", ARGUS_SENTENCE("Said",
     "{node}: NVIDIA driver {driver} supports CUDA {supports}; argus-executor-cuda needs CUDA {needed}")},
    {"do-update-driver-on", ARGUS_SENTENCE("Said", "update the driver of {node} to {driver} or newer")},
    {"no-such-gpu", ARGUS_SENTENCE("Said", "there is no {device}; this computer has {gpus}")},
    {"do-use-first-gpu", ARGUS_SENTENCE("Said", "use cuda:0")},
    {"do-use-gpus", ARGUS_SENTENCE("Said", "use cuda:0 to cuda:{last}")},
    {"devices-no-list", ARGUS_SENTENCE("Said", "devices of {node} is \"{text}\", which is no list")},
    {"do-write-list", ARGUS_SENTENCE("Said", "write all, none, or numbers such as 0,1")},
    {"devices-none-there", ARGUS_SENTENCE("Said", "devices of {node} names {numbers}, but it has none")},
    {"devices-others-there", ARGUS_SENTENCE("Said", "devices of {node} names {numbers}, but it has {there}")},
    {"do-write-none", ARGUS_SENTENCE("Said", "write none")},
    {"do-write-some", ARGUS_SENTENCE("Said", "write all, or some of {numbers}")},
    {"gpu-not-opened", ARGUS_SENTENCE("Said", "cannot be opened: {reason}")},
    {"gpu-no-capability", ARGUS_SENTENCE("Said", "does not tell its compute capability: {reason}")},
    {"gpu-no-memory", ARGUS_SENTENCE("Said", "does not tell its memory: {reason}")},
    {"gpu-mig", ARGUS_SENTENCE("Said", "is divided into instances (MIG), which this release cannot use")},
    {"driver-silent", ARGUS_SENTENCE("Said", "the NVIDIA driver has not answered for {seconds} s")},
    {"do-see-driver", ARGUS_SENTENCE("Said", "see what nvidia-smi says, restart the computer if it hangs too")},
    // ---- machines ----
    {"no-machine", ARGUS_SENTENCE("Said", "there is no machine")},
    {"do-start-node", ARGUS_SENTENCE("Said", "start argus-node")},
    {"away", ARGUS_SENTENCE("Said", "{node} is not connected")},
    {"away-why", ARGUS_SENTENCE("Said", "{node} is not connected: {why}")},
    {"do-start-node-on", ARGUS_SENTENCE("Said",
     "start argus-node on {node}, see that it reaches the head, or set its devices to none")},
    {"other-build", ARGUS_SENTENCE("Said", "{node} runs argus-node {version}, the head {head} runs {needed}")},
    {"do-install-node", ARGUS_SENTENCE("Said", "install argus-node {version} on {node}")},
    {"nccl-missing", ARGUS_SENTENCE("Said", "{node} has no NCCL, which {count} GPUs need to compute together")},
    {"do-install-any-nccl", ARGUS_SENTENCE("Said", "install libnccl2 on {node}, or use one GPU")},
    {"nccl-differs", ARGUS_SENTENCE("Said",
     "NCCL differs: {first} has {theirs}, {node} has {version}, and all ranks need the same")},
    {"do-install-nccl", ARGUS_SENTENCE("Said", "install NCCL {version} on {node}")},
    {"shared-memory", ARGUS_SENTENCE("Said",
     "/dev/shm on {node} is {size}, but NCCL needs about {needed} for {count} GPUs")},
    {"do-enlarge-shm", ARGUS_SENTENCE("Said", "make it larger; a container is started with --shm-size {megabytes}m")},
    {"few-files", ARGUS_SENTENCE("Said", "{node} may open {limit} files, and {count} ranks may need {needed}")},
    {"do-raise-files", ARGUS_SENTENCE("Said", "raise LimitNOFILE in the service file, or ulimit -n")},
    {"clock-ahead", ARGUS_SENTENCE("Said", "the clock of {node} is {amount} ahead (only times in logs are affected)")},
    {"clock-behind", ARGUS_SENTENCE("Said",
     "the clock of {node} is {amount} behind (only times in logs are affected)")},
    {"seconds", ARGUS_SENTENCE("Said", "{seconds} s")},
    {"minutes", ARGUS_SENTENCE("Said", "{minutes} min {seconds} s")},
    {"do-set-clock", ARGUS_SENTENCE("Said", "set it, or have it set from the network")},
    // ---- the model's files ----
    {"model-layout", ARGUS_SENTENCE("Said", "the model cannot be laid out: {reason}")},
    {"model-layout-on", ARGUS_SENTENCE("Said", "the model cannot be laid out on {device}: {reason}")},
    {"do-other-checkpoint", ARGUS_SENTENCE("Said", "take another checkpoint")},
    {"copy-differs", ARGUS_SENTENCE("Said", "{node}: {folder}: {difference}")},
    {"file-missing", ARGUS_SENTENCE("Said", "{file} is missing")},
    {"file-size", ARGUS_SENTENCE("Said", "{file} has {size} bytes, the head's {needed}")},
    {"file-content", ARGUS_SENTENCE("Said", "{file} has other content than the head's, at the same size")},
    {"do-nothing-fetched", ARGUS_SENTENCE("Said", "nothing: it is fetched from the head first")},
    {"do-nothing-fetched-in", ARGUS_SENTENCE("Said",
     "nothing: it is fetched from the head first, in about {seconds} s")},
    {"do-copy-from-head", ARGUS_SENTENCE("Said", "copy it from the head again, or choose another folder on {node}")},
    {"copy-lacks", ARGUS_SENTENCE("Said", "{node} lacks {size} of {folder}")},
    {"copy-lacks-part", ARGUS_SENTENCE("Said", "{node} lacks {size} that its ranks need of {folder}")},
    {"disk-full", ARGUS_SENTENCE("Said", "{node}: {free} free for {folder}, {needed} needed")},
    {"do-free-disk", ARGUS_SENTENCE("Said", "free {size} there, or choose another folder on {node}")},
    {"copy-incomplete", ARGUS_SENTENCE("Said", "{node}: {folder} is not complete, {size} are missing")},
    {"do-copy-again", ARGUS_SENTENCE("Said", "copy or download it again")},
    {"copy-is-part", ARGUS_SENTENCE("Said",
     "{file} is a part of another machine's copy: {there} of its {size} bytes are there")},
    {"do-whole-folder", ARGUS_SENTENCE("Said", "name a folder that has the whole model")},
    {"gone-while-fetching", ARGUS_SENTENCE("Said", "it {why} while it fetched the model from the head")},
    {"do-start-there", ARGUS_SENTENCE("Said", "start argus-node there again and deploy again: what has come is kept")},
    {"fetching-stopped", ARGUS_SENTENCE("Said",
     "fetching {model} from the head has stopped: nothing is heard of it for {seconds} s")},
    {"do-look-at-network", ARGUS_SENTENCE("Said",
     "look at the network between the two, and deploy again: what has come is kept")},
    {"fetch-no-line", ARGUS_SENTENCE("Said", "no line can be made to {address}, where the head hands out models")},
    {"do-open-model-port", ARGUS_SENTENCE("Said",
     "open port {port} of the head in the firewall between the two, and deploy again: what has come is kept")},
    {"fetch-no-room", ARGUS_SENTENCE("Said", "{free} bytes are free for {folder}, {needed} are to be fetched")},
    {"fetch-disk-full", ARGUS_SENTENCE("Said",
     "the disk is full at {file}: {free} bytes are free, {needed} are still to be fetched")},
    {"do-free-for-fetch", ARGUS_SENTENCE("Said",
     "free {size} bytes there, with argus-node models for one, and deploy again: what has come is kept")},
    {"copy-missing", ARGUS_SENTENCE("Said", "{node}: {folder} not found")},
    {"do-copy-there", ARGUS_SENTENCE("Said", "copy the model there, or choose its folder on {node}")},
    // ---- network ----
    {"address-loopback", ARGUS_SENTENCE("Said",
     "{node} would be reached at {address}, which means every machine itself")},
    {"do-choose-interface", ARGUS_SENTENCE("Said", "choose the interface of {node}")},
    {"other-subnet", ARGUS_SENTENCE("Said",
     "{first} uses {theirs} but {node} uses {address} for the traffic between ranks: they may not reach "
     "each other")},
    {"mtu-differs", ARGUS_SENTENCE("Said",
     "MTU differs: {first} {other} {theirs}, {node} {interface} {mtu}; large packets may be dropped")},
    {"do-same-mtu", ARGUS_SENTENCE("Said", "give both the same MTU")},
    {"public-used", ARGUS_SENTENCE("Said",
     "{node} uses the public address {address} for traffic between ranks, which is not encrypted")},
    {"public-would", ARGUS_SENTENCE("Said",
     "{node} would use the public address {address} for traffic between ranks, which is not encrypted")},
    {"do-private", ARGUS_SENTENCE("Said", "choose a private interface of {node}")},
    {"do-private-or-name", ARGUS_SENTENCE("Said",
     "choose a private interface of {node}, or name this one to accept it")},
    {"link-slow", ARGUS_SENTENCE("Said",
     "the link of {node} to the head carries {rate}: a step of {tokens} tokens sends {size} MB between "
     "stages, which takes {seconds} s")},
    {"link-late", ARGUS_SENTENCE("Said",
     "the link of {node} to the head has a round trip of {milliseconds} ms, which every token waits for")},
    {"link-slow-late", ARGUS_SENTENCE("Said",
     "the link of {node} to the head carries {rate}: a step of {tokens} tokens sends {size} MB between "
     "stages, which takes {seconds} s, and has a round trip of {milliseconds} ms, which every token waits "
     "for")},
    {"do-faster-network", ARGUS_SENTENCE("Said",
     "use a faster network or fewer machines; pipeline stages work over this link, tensor parallel across "
     "machines would be many times slower and is not offered")},
    // ---- remarks of a plan ----
    {"remark-traffic", ARGUS_SENTENCE("Said", "{node}: {interface} carries the traffic between ranks")},
    {"remark-traffic-rate", ARGUS_SENTENCE("Said",
     "{node}: {interface}, {rate} to the head, carries the traffic between ranks")},
    {"remark-stage", ARGUS_SENTENCE("Said",
     "stage {stage}: layers {first} to {last} of {layers}, on {node} {devices}")},
    {"remark-joined", ARGUS_SENTENCE("Said", "stage {stage}: its {ranks} ranks are joined by {how}")},
    {"joined-nvlink", ARGUS_SENTENCE("Said", "NVLink ×{links}")},
    {"joined-nvswitch", ARGUS_SENTENCE("Said", "NVLink ×{links} through a switch")},
    {"joined-partly", ARGUS_SENTENCE("Said", "NVLink between some and PCIe between others")},
    {"joined-pcie", ARGUS_SENTENCE("Said", "PCIe")},
    {"remark-float16", ARGUS_SENTENCE("Said",
     "all compute in float16, because {device} has compute capability {capability} and bfloat16 came with "
     "8.0")},
    {"remark-layers", ARGUS_SENTENCE("Said",
     "layers are shared by memory: the first stage holds the vision tower besides, the last one the "
     "scores, and the scarcest device decides how long a context can be")},
    {"remark-kv-heads", ARGUS_SENTENCE("Said",
     "{heads} KV heads are repeated on {ranks} ranks: the cache takes {times} times the memory")},
    {"remark-vision", ARGUS_SENTENCE("Said",
     "the vision tower cannot be shared by {ranks} ranks: each of the first stage has it whole")},
    {"remark-context", ARGUS_SENTENCE("Said",
     "contexts end at {tokens} tokens, for which {device} has memory; the model was made for {most}")},
    // ---- clients and heads ----
    {"head-silent", ARGUS_SENTENCE("Said", "the head does not answer")},
    {"do-wait-and-retry", ARGUS_SENTENCE("Said", "wait until it is back, then try again")},
    {"nobody-answers", ARGUS_SENTENCE("Said", "nobody answers at {address}")},
    {"do-check-head-firewall", ARGUS_SENTENCE("Said",
     "check that the head runs, its address and the firewall between")},
    {"do-check-head", ARGUS_SENTENCE("Said", "check that the head runs, and its address")},
    {"head-no-greeting", ARGUS_SENTENCE("Said", "the head at {address} does not greet back")},
    {"do-restart-head", ARGUS_SENTENCE("Said", "restart the head")},
    {"head-silent-for", ARGUS_SENTENCE("Said", "the head at {address} has been silent for {seconds} seconds")},
    {"do-check-network", ARGUS_SENTENCE("Said", "check the network and the head's log")},
    {"connection-lost", ARGUS_SENTENCE("Said", "the connection to {address} was lost")},
    {"do-wait-restoring", ARGUS_SENTENCE("Said", "wait: it is being restored")},
    {"key-unknown", ARGUS_SENTENCE("Said", "the head at {address} does not know this computer")},
    {"do-allow-key", ARGUS_SENTENCE("Said", "add this computer's key on the head: argus-node keys allow '{key}' NAME")},
    {"key-revoked", ARGUS_SENTENCE("Said", "the key of this computer has been revoked on the head")},
    {"upload-unanswered", ARGUS_SENTENCE("Said", "the head has said nothing about an attachment for {seconds} s")},
    {"no-head", ARGUS_SENTENCE("Said", "{address} speaks ZeroMQ without encryption: it is not a head of Argus")},
    {"do-check-address", ARGUS_SENTENCE("Said", "check the address")},
    {"other-head", ARGUS_SENTENCE("Said", "{address} answers, but it is not the head with the key {key}")},
    {"do-new-key", ARGUS_SENTENCE("Said",
     "if the head was installed anew, take over its new key (argus-node keys show, on the head); else "
     "another program uses this port")},
    {"private-head-ended", ARGUS_SENTENCE("Said", "the head on this computer {how} before it was ready")},
    {"head-restarted", ARGUS_SENTENCE("Said", "the head restarted while it answered ({reason})")},
    {"do-ask-again", ARGUS_SENTENCE("Said", "ask again")},
    {"too-many-asks", ARGUS_SENTENCE("Said", "{count} asks have no answer yet")},
    {"do-wait-some", ARGUS_SENTENCE("Said", "wait for some of them")},
    {"too-many-looks", ARGUS_SENTENCE("Said", "{count} files are being looked at")},
    // ---- requests that a head refuses ----
    {"no-hello", ARGUS_SENTENCE("Said", "this connection has not said hello, or was silent too long")},
    {"do-hello", ARGUS_SENTENCE("Said", "send Hello")},
    {"unknown-message", ARGUS_SENTENCE("Said", "this head does not know that kind of message")},
    {"do-update-head", ARGUS_SENTENCE("Said", "update argus-node on the head")},
    {"too-many-clients", ARGUS_SENTENCE("Said", "{count} clients are connected, no more are taken")},
    {"do-when-left", ARGUS_SENTENCE("Said", "try again when somebody has left")},
    {"too-many-inspections", ARGUS_SENTENCE("Said", "too many files wait to be looked into")},
    {"do-try-later", ARGUS_SENTENCE("Said", "try again in a while")},
    {"asks-waiting", ARGUS_SENTENCE("Said", "{count} questions are waiting for an answer")},
    {"do-ask-later", ARGUS_SENTENCE("Said", "ask again in a while")},
    {"head-full", ARGUS_SENTENCE("Said", "the head cannot take more questions now")},
    {"ask-unknown", ARGUS_SENTENCE("Said", "this head does not know that question (any more)")},
    {"too-many-requests", ARGUS_SENTENCE("Said", "too many requests about the cluster wait for an answer")},
    {"no-more-requests", ARGUS_SENTENCE("Said", "the head cannot take more requests now")},
    {"node-never-here", ARGUS_SENTENCE("Said", "no node of the name {node} has ever been here")},
    {"worker-never-joined", ARGUS_SENTENCE("Said", "no worker of the name {node} has joined")},
    {"do-name-of-status", ARGUS_SENTENCE("Said", "use a name that argus-node status shows")},
    {"head-is-private", ARGUS_SENTENCE("Said", "this head serves only this computer")},
    {"do-listening-head", ARGUS_SENTENCE("Said",
     "start one that others can join: argus-node start --head --listen 0.0.0.0:47700")},
    // ---- questions and answers ----
    {"head-stopping", ARGUS_SENTENCE("Said", "this head is stopping")},
    {"do-ask-after-start", ARGUS_SENTENCE("Said", "ask again when it has been started again")},
    {"other-model-deployed", ARGUS_SENTENCE("Said",
     "another model was deployed while this question was being answered")},
    {"executor-crashed-twice", ARGUS_SENTENCE("Said", "the executor {how} while answering, twice in a row")},
    {"do-smaller-question", ARGUS_SENTENCE("Said",
     "ask again with smaller pictures or a shorter conversation; the executor starts again by itself")},
    {"too-many-attachments", ARGUS_SENTENCE("Said",
     "{count} images and videos are more than the {most} of one conversation")},
    {"do-fewer-attachments", ARGUS_SENTENCE("Said", "ask about fewer of them at a time")},
    {"token-missing", ARGUS_SENTENCE("Said", "the executor finished a step without this ask's token")},
    {"media-queue-full", ARGUS_SENTENCE("Said", "too many images and videos wait to be read")},
    {"too-many-images", ARGUS_SENTENCE("Said", "this conversation has {count} images, but at most {most} are allowed")},
    {"too-many-videos", ARGUS_SENTENCE("Said", "this conversation has {count} videos, but at most {most} are allowed")},
    {"too-many-media", ARGUS_SENTENCE("Said",
     "this conversation has {count} images and videos, but at most {most} are allowed")},
    {"do-take-away", ARGUS_SENTENCE("Said", "take some away, or start the head with a larger {setting}")},
    {"question-empty", ARGUS_SENTENCE("Said", "the question has no tokens")},
    {"do-write-question", ARGUS_SENTENCE("Said", "write a question")},
    {"no-answer-possible", ARGUS_SENTENCE("Said", "max_tokens is 0, so there could be no answer")},
    {"do-ask-one-token", ARGUS_SENTENCE("Said", "ask for at least 1 new token (max_tokens)")},
    {"question-too-long", ARGUS_SENTENCE("Said",
     "a question of {question} tokens and an answer of up to {answer} make {sum}, more than max_model_len "
     "{most}")},
    {"question-too-many-blocks", ARGUS_SENTENCE("Said",
     "a question of {question} tokens and an answer of up to {answer} need {blocks} KV blocks of {size} "
     "tokens, there are {most}")},
    {"vision-too-long", ARGUS_SENTENCE("Said",
     "the pictures and clips of this conversation take {tokens} tokens, there is room for {most} at a time")},
    {"do-less-vision", ARGUS_SENTENCE("Said", "ask about fewer or smaller pictures, or a shorter clip")},
    {"do-shorter-answer", ARGUS_SENTENCE("Said",
     "ask for at most {tokens} new tokens (max_tokens), or raise {setting}")},
    {"do-shorter-question", ARGUS_SENTENCE("Said",
     "shorten the question or its pictures to less than {tokens} tokens, or raise {setting}")},
    {"places-differ", ARGUS_SENTENCE("Said",
     "the conversation has {places} places for pictures and clips, {count} were given")},
    {"do-attach-once", ARGUS_SENTENCE("Said", "attach each picture or clip once, where it is mentioned")},
    {"item-too-large", ARGUS_SENTENCE("Said", "item {item} would take {tokens} tokens, possible are 1 to {most}")},
    {"do-smaller-item", ARGUS_SENTENCE("Said", "attach a smaller picture or a shorter clip")},
    // ---- files ----
    {"file-refused", ARGUS_SENTENCE("Said", "cannot open {file}: {reason}")},
    {"file-unread", ARGUS_SENTENCE("Said", "cannot read {file}: {reason}")},
    {"do-check-path", ARGUS_SENTENCE("Said", "check the path and the file's permissions")},
    {"not-regular", ARGUS_SENTENCE("Said", "{file} is not a regular file")},
    {"do-attach-media", ARGUS_SENTENCE("Said", "attach a picture or a video")},
    {"file-shrank-sent", ARGUS_SENTENCE("Said", "{file} has become shorter while it was sent")},
    {"file-shrank-read", ARGUS_SENTENCE("Said", "{file} has become shorter while it was read")},
    {"do-attach-unwritten", ARGUS_SENTENCE("Said", "attach it again when nobody writes to it")},
    {"file-empty", ARGUS_SENTENCE("Said", "{file} is empty")},
    {"file-too-large", ARGUS_SENTENCE("Said", "{file} has {size} bytes, the head takes at most {most}")},
    {"do-attach-smaller", ARGUS_SENTENCE("Said", "attach a smaller file, or raise max_upload_bytes on the head")},
    {"attachment-empty", ARGUS_SENTENCE("Said", "the attachment is empty")},
    {"attachment-too-large", ARGUS_SENTENCE("Said", "the attachment has {size} bytes, at most {most} can be sent")},
    {"do-attach-smaller-file", ARGUS_SENTENCE("Said", "attach a smaller file")},
    {"upload-too-large", ARGUS_SENTENCE("Said", "the file has {size} bytes, this head takes at most {most}")},
    {"do-send-smaller", ARGUS_SENTENCE("Said", "send a smaller file, or raise max_upload_bytes on the head")},
    {"uploads-of-session", ARGUS_SENTENCE("Said", "{count} uploads of this session are on their way already")},
    {"do-wait-one", ARGUS_SENTENCE("Said", "wait for one of them to finish")},
    {"uploads-of-head", ARGUS_SENTENCE("Said", "{count} uploads are on their way to this head already")},
    {"do-try-soon", ARGUS_SENTENCE("Said", "try again in a moment")},
    {"head-holds", ARGUS_SENTENCE("Said",
     "the head holds {held} bytes of attachments that are in use, of {most} it may hold; this file has "
     "{size}")},
    {"do-after-asks", ARGUS_SENTENCE("Said", "try again when other asks have finished")},
    {"digest-differs", ARGUS_SENTENCE("Said", "the file arrived with SHA-256 {actual}…, announced was {announced}…")},
    {"do-send-again", ARGUS_SENTENCE("Said", "send it again; it may have changed while it was read")},
    {"attachment-gone", ARGUS_SENTENCE("Said", "the attachment {digest} is not on the head")},
    {"do-attach-again", ARGUS_SENTENCE("Said", "attach the file again")},
    {"attachment-not-stored", ARGUS_SENTENCE("Said",
     "cannot store the attachment in {folder}: {reason} ({free} bytes free)")},
    {"do-free-head-disk", ARGUS_SENTENCE("Said", "free disk space on the head")},
    // ---- pictures and videos ----
    {"media-open", ARGUS_SENTENCE("Said", "{file} cannot be opened: {reason}")},
    {"do-check-file", ARGUS_SENTENCE("Said", "check that the file is there and may be read")},
    {"media-no-file", ARGUS_SENTENCE("Said", "{file} is not a file")},
    {"do-choose-media", ARGUS_SENTENCE("Said", "choose a picture or a video")},
    {"do-choose-full", ARGUS_SENTENCE("Said", "choose another file; this one has no content")},
    {"media-too-large", ARGUS_SENTENCE("Said", "{file} has {size} bytes, the limit is {most}")},
    {"do-choose-smaller", ARGUS_SENTENCE("Said", "choose a smaller file")},
    {"media-unread", ARGUS_SENTENCE("Said", "{file} cannot be read: {reason}")},
    {"do-check-disk", ARGUS_SENTENCE("Said", "check the disk the file is on")},
    {"format-jpeg", ARGUS_SENTENCE("Said", "JPEG picture")},
    {"format-png", ARGUS_SENTENCE("Said", "PNG picture")},
    {"format-webp", ARGUS_SENTENCE("Said", "WebP picture")},
    {"format-bmp", ARGUS_SENTENCE("Said", "BMP picture")},
    {"format-gif", ARGUS_SENTENCE("Said", "GIF picture")},
    {"format-tiff", ARGUS_SENTENCE("Said", "TIFF picture")},
    {"format-mp4", ARGUS_SENTENCE("Said", "MP4 video")},
    {"format-matroska", ARGUS_SENTENCE("Said", "Matroska video")},
    {"format-avi", ARGUS_SENTENCE("Said", "AVI video")},
    {"format-wmv", ARGUS_SENTENCE("Said", "WMV video")},
    {"format-flv", ARGUS_SENTENCE("Said", "FLV video")},
    {"format-mpeg", ARGUS_SENTENCE("Said", "MPEG video")},
    {"format-ogg", ARGUS_SENTENCE("Said", "Ogg video")},
    {"format-file", ARGUS_SENTENCE("Said", "file")},
    {"ends-early-rows", ARGUS_SENTENCE("Said", "this {kind} ends too early: {count} of {total} rows could be read")},
    {"ends-early", ARGUS_SENTENCE("Said", "this {kind} ends too early")},
    {"do-other-copy", ARGUS_SENTENCE("Said",
     "try another copy of the file, or save it anew with the program that made it")},
    {"picture-too-large", ARGUS_SENTENCE("Said",
     "{width} × {height} pixels are more than the limit of {most} for a picture")},
    {"frame-too-large", ARGUS_SENTENCE("Said",
     "{width} × {height} pixels are more than the limit of {most} for a frame of a video")},
    {"do-scale-down", ARGUS_SENTENCE("Said", "scale it down first")},
    {"damaged", ARGUS_SENTENCE("Said", "this {kind} is damaged and cannot be decoded")},
    {"frames-missing", ARGUS_SENTENCE("Said", "this {kind} is incomplete: {count} of {total} frames could be read")},
    {"no-moving-picture", ARGUS_SENTENCE("Said", "this {kind} holds no moving picture")},
    {"do-choose-format", ARGUS_SENTENCE("Said",
     "choose a picture (PNG, JPEG, WebP, BMP, GIF, TIFF) or a video (MP4, MOV, MKV, WebM, AVI, WMV, FLV, "
     "MPEG, OGG)")},
    {"unknown-compression", ARGUS_SENTENCE("Said",
     "this {kind} uses a compression that Argus does not decode (number {number})")},
    {"do-convert", ARGUS_SENTENCE("Said", "convert it to H.264 in an MP4 file")},
    {"video-too-long", ARGUS_SENTENCE("Said", "this video is {seconds} s long, the limit is {most} s")},
    {"do-cut", ARGUS_SENTENCE("Said", "cut out the part the question is about")},
    {"decoding-memory", ARGUS_SENTENCE("Said",
     "decoding this {kind} takes more than the {most} MiB of memory it may use")},
    {"too-narrow", ARGUS_SENTENCE("Said",
     "{width} × {height} pixels are too narrow: one side is more than 200 times the other")},
    {"do-cut-parts", ARGUS_SENTENCE("Said", "cut it into several parts")},
    {"no-sandbox", ARGUS_SENTENCE("Said",
     "the decoder could not lock itself in (step {step}, error {number}), so it read nothing")},
    {"do-install-seccomp", ARGUS_SENTENCE("Said", "install Argus whole, on a Linux kernel with seccomp")},
    {"odd-answer", ARGUS_SENTENCE("Said", "the decoder gave an answer out of place (reason {number})")},
    {"do-install-whole", ARGUS_SENTENCE("Said", "install Argus whole: its programs belong into one folder")},
    {"begins-plain", ARGUS_SENTENCE("Said", "it begins with plain text")},
    {"begins-bytes", ARGUS_SENTENCE("Said", "it begins with the bytes {bytes}")},
    {"no-media", ARGUS_SENTENCE("Said", "this is no picture or video that Argus reads ({found})")},
    {"decoding-busy", ARGUS_SENTENCE("Said", "decoding this file took more processor time than it may use")},
    {"do-shorter-file", ARGUS_SENTENCE("Said", "choose a shorter or smaller file")},
    {"signal", ARGUS_SENTENCE("Said", "signal {number}")},
    {"status", ARGUS_SENTENCE("Said", "status {number}")},
    {"decoder-crashed", ARGUS_SENTENCE("Said",
     "this file could not be decoded (decoder stopped, {how}); the file may be damaged; nothing else was "
     "affected")},
    {"decoding-slow", ARGUS_SENTENCE("Said", "decoding this file took longer than {milliseconds} ms")},
    {"decoder-contradicts", ARGUS_SENTENCE("Said",
     "this file could not be decoded (the decoder's answer contradicts itself); the file may be damaged")},
    {"do-choose-other", ARGUS_SENTENCE("Said", "choose another file")},
    // ---- a deployment and its executors ----
    {"not-a-folder", ARGUS_SENTENCE("Said", "{folder} is not a folder")},
    {"do-name-folder", ARGUS_SENTENCE("Said",
     "name a folder with config.json, tokenizer.json and the safetensors files")},
    {"library-missing", ARGUS_SENTENCE("Said", "{program} cannot start: a library that it needs is missing")},
    {"do-install-library", ARGUS_SENTENCE("Said", "install the library that the node's log names")},
    {"executor-ended", ARGUS_SENTENCE("Said", "the executor {how}")},
    {"on-node", ARGUS_SENTENCE("Said", "on {node} {how}")},
    {"executor-ended-on", ARGUS_SENTENCE("Said", "the executor on {node} {how}")},
    {"executor-ended-often", ARGUS_SENTENCE("Said", "the executor ended {times} times in a row; the last time {how}")},
    {"do-see-log", ARGUS_SENTENCE("Said", "look into the log, then deploy again, or stop the head and start it again")},
    {"starts-again", ARGUS_SENTENCE("Said", "it is starting again")},
    {"starts-again-in", ARGUS_SENTENCE("Said", "it starts again in {seconds} s")},
    {"starts-when-back", ARGUS_SENTENCE("Said", "it starts again when {node} is back, or on what is left")},
    {"how-signal", ARGUS_SENTENCE("Said", "was killed by signal {number} ({name})")},
    {"how-status", ARGUS_SENTENCE("Said", "exited with status {status}")},
    {"how-unreadable", ARGUS_SENTENCE("Said", "sent a message that cannot be read")},
    {"how-gave-up", ARGUS_SENTENCE("Said", "gave up: {reason}")},
    {"why-deaf", ARGUS_SENTENCE("Said", "had not heard from the head")},
    {"why-moment", ARGUS_SENTENCE("Said", "lost its connection for a moment")},
    {"how-out-of-reach", ARGUS_SENTENCE("Said", "is out of reach: {node} {why}")},
    {"why-joining", ARGUS_SENTENCE("Said", "is joining")},
    {"why-left", ARGUS_SENTENCE("Said", "has left: {reason}")},
    {"why-silent", ARGUS_SENTENCE("Said", "has been silent for {seconds} s")},
    {"why-restarted", ARGUS_SENTENCE("Said", "was restarted")},
    {"why-lost-often", ARGUS_SENTENCE("Said",
     "was lost {times} times within {minutes} minutes and is left out for {pause} minutes; the last time "
     "it {why}")},
    {"why-takes-nothing", ARGUS_SENTENCE("Said", "does not take what is sent to it")},
    {"why-connection", ARGUS_SENTENCE("Said", "ended or lost its connection")},
    {"why-removed", ARGUS_SENTENCE("Said", "was removed")},
    {"node-is", ARGUS_SENTENCE("Said", "{node} {why}")},
    {"do-look-at-node", ARGUS_SENTENCE("Said", "look whether argus-node runs there and the network is up")},
    // ---- files that are read and written ----
    {"file-not-created", ARGUS_SENTENCE("Said", "cannot create {file}: {reason}")},
    {"file-not-written", ARGUS_SENTENCE("Said", "cannot write {file}: {reason}")},
    {"file-not-replaced", ARGUS_SENTENCE("Said", "cannot replace {file}: {reason}")},
    {"file-not-inspected", ARGUS_SENTENCE("Said", "cannot inspect {file}: {reason}")},
    {"file-not-mapped", ARGUS_SENTENCE("Said", "cannot map {file}: {reason}")},
    {"folder-not-created", ARGUS_SENTENCE("Said", "cannot create folder {file}: {reason}")},
    {"folder-not-protected", ARGUS_SENTENCE("Said", "cannot protect {file}: {reason}")},
    {"do-look-at-path", ARGUS_SENTENCE("Said", "check the path")},
    {"do-look-at-permissions", ARGUS_SENTENCE("Said", "check the file's permissions and the disk")},
    {"do-name-file", ARGUS_SENTENCE("Said", "name a file")},
    {"file-beyond-bytes", ARGUS_SENTENCE("Said", "{file} has more than the {most} bytes allowed")},
    {"do-check-right-file", ARGUS_SENTENCE("Said", "check that this is the right file")},
    {"no-shared-memory", ARGUS_SENTENCE("Said", "cannot take {size} bytes of shared memory: {reason}")},
    {"do-close-or-smaller", ARGUS_SENTENCE("Said", "close other programs or ask with smaller pictures")},
    {"json-too-large", ARGUS_SENTENCE("Said", "{file}: {size} bytes of JSON, at most {most} are read")},
    {"broken-at", ARGUS_SENTENCE("Said", "{file}, byte {position}: {problem}")},
    {"do-fetch-file", ARGUS_SENTENCE("Said", "fetch the file again")},
    // ---- weights and config.json, as they are loaded ----
    {"header-too-small", ARGUS_SENTENCE("Said",
     "the file has {size} bytes, the length of the header alone takes 8 (header too small)")},
    {"header-too-large", ARGUS_SENTENCE("Said",
     "a header of {size} bytes, at most {most} are allowed (header too large)")},
    {"header-cut", ARGUS_SENTENCE("Said", "a header of {size} bytes in a file of {total} (invalid header length)")},
    {"tensor-is", ARGUS_SENTENCE("Said", "tensor \"{tensor}\": {problem}")},
    {"tensor-dtype", ARGUS_SENTENCE("Said", "its dtype \"{type}\" is not one of {known}")},
    {"tensor-span", ARGUS_SENTENCE("Said",
     "{type} {shape} takes {size} bytes, its data_offsets span {span} (tensor info mismatch)")},
    {"tensor-overlaps", ARGUS_SENTENCE("Said",
     "tensor \"{tensor}\" begins at offset {begin} of the data, inside the one before it, which ends at "
     "offset {end} (invalid offset)")},
    {"tensor-after-hole", ARGUS_SENTENCE("Said",
     "tensor \"{tensor}\" begins at offset {begin} of the data, after a hole at offset {end} (invalid offset)")},
    {"tensor-cut", ARGUS_SENTENCE("Said",
     "tensor \"{tensor}\" ends at offset {end} of the data, of which the file holds {size} bytes (incomplete buffer)")},
    {"bytes-of-no-tensor", ARGUS_SENTENCE("Said", "{size} bytes belong to no tensor (incomplete buffer)")},
    {"do-float-checkpoint", ARGUS_SENTENCE("Said", "use a checkpoint with bfloat16, float16 or float32 weights")},
    {"file-lacks-tensor", ARGUS_SENTENCE("Said", "{file} has no tensor \"{tensor}\"")},
    {"do-check-complete", ARGUS_SENTENCE("Said", "check that this checkpoint is complete")},
    {"do-save-again", ARGUS_SENTENCE("Said", "save the checkpoint again with a recent safetensors")},
    {"do-fetch-checkpoint", ARGUS_SENTENCE("Said", "fetch the checkpoint again")},
    {"map-missing", ARGUS_SENTENCE("Said", "{file}: weight_map is missing or not an object")},
    {"map-no-name", ARGUS_SENTENCE("Said",
     "{file}: weight_map puts \"{tensor}\" into {shard}, which is not a plain file name")},
    {"map-too-long", ARGUS_SENTENCE("Said", "{file}: weight_map names more than {most} files")},
    {"map-not-held", ARGUS_SENTENCE("Said",
     "{file}: weight_map puts \"{tensor}\" into {shard}, which does not hold it")},
    {"stored-twice", ARGUS_SENTENCE("Said", "{file}: \"{tensor}\" is also stored as \"{other}\" in {place}")},
    {"not-come-whole", ARGUS_SENTENCE("Said", "{file} has not come whole from the head")},
    {"part-of-copy", ARGUS_SENTENCE("Said",
     "{file} is a part of the head's copy, and {size} bytes that are needed here are not in it (the first "
     "at {position})")},
    {"do-deploy-fetches", ARGUS_SENTENCE("Said", "deploy again: what is missing is fetched first")},
    {"part-of-machine", ARGUS_SENTENCE("Said", "{folder} is a part of another machine's copy, not a whole model")},
    {"no-tensor", ARGUS_SENTENCE("Said", "the checkpoint has no tensor \"{tensor}\"")},
    {"no-tensor-with", ARGUS_SENTENCE("Said", "the checkpoint with {file} has no tensor \"{tensor}\"")},
    {"do-check-files", ARGUS_SENTENCE("Said",
     "check that every file of the checkpoint is there and that config.json belongs to it")},
    {"tensor-shape", ARGUS_SENTENCE("Said",
     "{file}: tensor \"{tensor}\" has the shape {shape}, config.json asks for {needed}")},
    {"do-check-config", ARGUS_SENTENCE("Said", "check that config.json belongs to this checkpoint")},
    {"tensor-not-awq", ARGUS_SENTENCE("Said", "tensor {tensor} holds {type}, AWQ has {needed} there")},
    {"do-awq-gemm", ARGUS_SENTENCE("Said", "use an AWQ checkpoint of version \"gemm\"")},
    {"tensor-no-float", ARGUS_SENTENCE("Said",
     "tensor {tensor} holds {type}; only F32, F16 and BF16 weights can be used")},
    {"do-bfloat16-release", ARGUS_SENTENCE("Said", "use the checkpoint's bfloat16 release")},
    {"beyond-float16", ARGUS_SENTENCE("Said", "{count} weights of this checkpoint are too large for float16")},
    {"do-wider-dtype", ARGUS_SENTENCE("Said", "use dtype bfloat16 (compute capability 8.0 or later) or float32")},
    {"no-tensor-memory", ARGUS_SENTENCE("Said", "no memory for a {type} tensor {shape} ({size} bytes)")},
    {"do-smaller-context", ARGUS_SENTENCE("Said", "choose a smaller context or a smaller model")},
    {"config-whole", ARGUS_SENTENCE("Said", "{key} should be a whole number from {least} to {most}, is {value}")},
    {"config-number", ARGUS_SENTENCE("Said", "{key} should be a number from {least} to {most}, is {value}")},
    {"config-flag", ARGUS_SENTENCE("Said", "{key} should be true or false, is {value}")},
    {"config-text", ARGUS_SENTENCE("Said", "{key} should be text, is {value}")},
    {"config-numbers", ARGUS_SENTENCE("Said",
     "{key} should be at most {count} whole numbers from {least} to {most}, is {value}")},
    {"config-object", ARGUS_SENTENCE("Said", "{key} should be an object")},
    {"config-no-object", ARGUS_SENTENCE("Said", "the document is not an object")},
    {"config-missing", ARGUS_SENTENCE("Said", "{key} is missing")},
    {"config-only", ARGUS_SENTENCE("Said", "{key} is {value}, only {supported} is supported")},
    {"config-only-two", ARGUS_SENTENCE("Said", "{key} is {value}, only {first} and {second} are supported")},
    {"config-dtype", ARGUS_SENTENCE("Said", "dtype is \"{type}\", only bfloat16, float16 and float32 are supported")},
    {"config-holds", ARGUS_SENTENCE("Said", "{key} holds {value}, only {supported} is supported")},
    {"quantised-unnamed", ARGUS_SENTENCE("Said",
     "quantization_config: the weights are quantised by an unnamed method")},
    {"quantised-by", ARGUS_SENTENCE("Said",
     "quantization_config: the weights are quantised by \"{method}\", only awq is supported")},
    {"quantised-groups", ARGUS_SENTENCE("Said",
     "quantization_config: AWQ with {bits} bits in groups of {group}, only 4 bits in groups of 128 are supported")},
    {"quantised-no-zero", ARGUS_SENTENCE("Said",
     "quantization_config: AWQ without zero points, only zero_point true is supported")},
    {"quantised-version", ARGUS_SENTENCE("Said",
     "quantization_config: AWQ version \"{version}\", only \"gemm\" is supported")},
    {"do-awq-or-plain", ARGUS_SENTENCE("Said",
     "use an AWQ checkpoint (four bits, group_size 128, version \"gemm\") or an unquantised one "
     "(bfloat16, float16 or float32)")},
    {"sliding-window", ARGUS_SENTENCE("Said",
     "use_sliding_window is true; attention over a sliding window is not supported")},
    {"do-no-window", ARGUS_SENTENCE("Said",
     "set use_sliding_window to false if the model was trained so, or use another checkpoint")},
    {"rope-yarn", ARGUS_SENTENCE("Said", "{key} is \"yarn\"; a context stretched by YaRN is not supported")},
    {"do-mrope", ARGUS_SENTENCE("Said", "set it to {value} and use contexts up to max_position_embeddings")},
    {"do-saved-dtype", ARGUS_SENTENCE("Said", "use a checkpoint saved in one of these")},
    {"do-compare-config", ARGUS_SENTENCE("Said", "compare it with the published config.json")},
    {"do-compare-file", ARGUS_SENTENCE("Said", "compare it with the published file")},
    {"do-published", ARGUS_SENTENCE("Said", "use a published Qwen2.5-VL checkpoint or a fine-tune of one")},
    {"do-qwen-folder", ARGUS_SENTENCE("Said", "name a folder with a Qwen2.5-VL checkpoint")},
    // ---- devices, as an executor opens them ----
    {"gpu-unusable", ARGUS_SENTENCE("Said", "GPU {gpu} cannot be used: {reason}")},
    {"do-current-driver", ARGUS_SENTENCE("Said",
     "install a current NVIDIA driver (R525 or later for CUDA 12, R580 or later for CUDA 13), or use --device cpu")},
    {"do-see-gpus", ARGUS_SENTENCE("Said", "see nvidia-smi for the GPUs of this machine, or use --device cpu")},
    {"gpu-not-there", ARGUS_SENTENCE("Said", "there is no GPU {gpu}: this machine has {count}")},
    {"do-gpu-or-cpu", ARGUS_SENTENCE("Said", "use device cuda:0 to cuda:{last}, or cpu")},
    {"do-other-gpu-or-cpu", ARGUS_SENTENCE("Said", "use another GPU, or --device cpu")},
    {"gpu-no-bfloat16", ARGUS_SENTENCE("Said", "{device} has no bfloat16: it came with compute capability {needed}")},
    {"gpu-piece", ARGUS_SENTENCE("Said", "{device} has {free} free, the plan needs {needed} in one piece")},
    {"do-end-or-lower", ARGUS_SENTENCE("Said",
     "end other programs on this GPU, or lower gpu_memory_utilization or max_model_len")},
    {"do-end-programs", ARGUS_SENTENCE("Said", "end other programs on this GPU and try again")},
    {"gpu-spoken-for", ARGUS_SENTENCE("Said",
     "the GPU's memory is spoken for: {wanted} wanted, the largest free piece has {largest}, {used} of "
     "{total} are in use")},
    {"gpu-failed", ARGUS_SENTENCE("Said", "the GPU failed: {reason}")},
    {"blas-missing", ARGUS_SENTENCE("Said",
     "cuBLASLt is missing on this machine: neither the loader nor {folder} knows {library}")},
    {"blas-unusable", ARGUS_SENTENCE("Said", "this machine's cuBLASLt cannot be used with this driver or build")},
    {"do-install-blas", ARGUS_SENTENCE("Said",
     "install the CUDA libraries (cuBLAS 12 or 13), or put the folder of libcublasLt.so into "
     "LD_LIBRARY_PATH; without them use --device cpu")},
    // ---- ranks, and the lines between them ----
    {"rank-lost", ARGUS_SENTENCE("Said", "rank {rank} has lost rank {others| or }: {problem}")},
    {"do-look-at-line", ARGUS_SENTENCE("Said",
     "look at the network between those machines: cable, switch, firewall, interface")},
    {"do-look-at-machines", ARGUS_SENTENCE("Said", "look whether the other machines run and reach each other")},
    {"do-check-reach", ARGUS_SENTENCE("Said",
     "check that the machines reach each other on the interface named in the settings, on any port")},
    {"do-same-version", ARGUS_SENTENCE("Said", "install the same version on every machine")},
    {"ranks-not-connected", ARGUS_SENTENCE("Said", "the ranks could not be connected: {reason}")},
    {"rank-not-come", ARGUS_SENTENCE("Said", "another rank did not come in time: nobody left \"{key}\"")},
    {"model-unloaded", ARGUS_SENTENCE("Said", "the model is not loaded any more")},
    {"interface-without", ARGUS_SENTENCE("Said",
     "this machine has no network interface \"{interface}\" with an address")},
    {"address-not-here", ARGUS_SENTENCE("Said", "this machine does not have the address {address}")},
    {"gloo-differs", ARGUS_SENTENCE("Said", "rank {other} of {group} has another version of Gloo than rank {rank}")},
    {"rank-cannot-connect", ARGUS_SENTENCE("Said", "rank {rank} of {group} cannot connect to rank {other}")},
    {"rank-cannot-connect-why", ARGUS_SENTENCE("Said",
     "rank {rank} of {group} cannot connect to rank {other}: {reason}")},
    {"rank-waited", ARGUS_SENTENCE("Said",
     "rank {rank} of {group} waited {milliseconds} ms for the others, its limit")},
    {"rank-waited-limit", ARGUS_SENTENCE("Said", "rank {rank} of {group} waited for the others until its limit")},
    {"rank-lost-another", ARGUS_SENTENCE("Said", "rank {rank} of {group} lost another rank: {reason}")},
    {"group-aborted", ARGUS_SENTENCE("Said", "{group} was aborted")},
    {"nccl-ranks-differ", ARGUS_SENTENCE("Said",
     "rank {rank} of {group} has NCCL {version} and rank {other} has {theirs}")},
    {"nccl-no-port", ARGUS_SENTENCE("Said", "NCCL cannot open a port: {reason}")},
    {"nccl-waited", ARGUS_SENTENCE("Said",
     "rank {rank} of {group} waited for the others to connect by NCCL until its deadline")},
    {"nccl-cannot-connect", ARGUS_SENTENCE("Said",
     "rank {rank} of {group} could not connect to the others by NCCL: {reason}")},
    {"nccl-not-taken", ARGUS_SENTENCE("Said", "{operation}: NCCL did not take it in {milliseconds} ms")},
    {"nccl-told", ARGUS_SENTENCE("Said", "{operation}: rank {rank} of {group} was told by NCCL: {reason}")},
    {"nccl-no-memory", ARGUS_SENTENCE("Said", "{megabytes} MiB for messages between GPUs do not fit beside the model")},
    {"do-lower-share", ARGUS_SENTENCE("Said", "use less of the GPU's memory for the model")},
    {"nccl-not-here", ARGUS_SENTENCE("Said", "NCCL is missing on this machine: {places}")},
    {"nccl-places", ARGUS_SENTENCE("Said", "neither the loader nor {folder} knows {library}")},
    {"nccl-old", ARGUS_SENTENCE("Said", "this machine's NCCL is {version}; {needed} or later is needed")},
    {"nccl-incomplete", ARGUS_SENTENCE("Said", "this machine's NCCL lacks functions that every NCCL has")},
    {"do-install-nccl-here", ARGUS_SENTENCE("Said",
     "install NCCL {needed} or later (libnccl2), or put the folder of {library} into LD_LIBRARY_PATH")},
    {"gpus-late", ARGUS_SENTENCE("Said", "the GPUs of the deployment did not connect in time")},
    {"no-sharing", ARGUS_SENTENCE("Said", "this executor cannot share a model with others")},
    {"do-sizes-one", ARGUS_SENTENCE("Said", "set tensor_parallel_size and pipeline_parallel_size to 1")},
    {"memory-ran-out", ARGUS_SENTENCE("Said", "memory ran out")},
    {"do-close-or-lower", ARGUS_SENTENCE("Said", "close other programs, or lower max_model_len or max_num_seqs")},
    {"do-ask-and-report", ARGUS_SENTENCE("Said", "ask again; if it happens again, report it with the log")},
    {"rank-silent", ARGUS_SENTENCE("Said", "rank {rank} has given no sign of life for {seconds} s")},
    {"rank-device-silent", ARGUS_SENTENCE("Said", "the device of rank {rank} has not finished a step for {seconds} s")},
    {"do-look-at-device", ARGUS_SENTENCE("Said", "if it happens again, look at that device and its driver")},
    {"node-unknown-message", ARGUS_SENTENCE("Said", "the node sent a message that this executor does not know")},
    {"do-install-together", ARGUS_SENTENCE("Said", "install Argus whole: its programs belong together")},
    {"do-restart-node", ARGUS_SENTENCE("Said", "restart the node")},
    {"do-restart-and-report", ARGUS_SENTENCE("Said", "restart the node; if it happens again, report it with the log")},
    {"picture-not-encoded", ARGUS_SENTENCE("Said", "the picture could not be encoded: {reason}")},
    {"do-other-picture", ARGUS_SENTENCE("Said", "ask with another picture")},
    {"scores-not-finite", ARGUS_SENTENCE("Said", "the model's answer cannot be read: scores are not finite")},
    {"do-check-weights", ARGUS_SENTENCE("Said", "ask again; if it happens again, check the checkpoint's files")},
    {"pixels-missing", ARGUS_SENTENCE("Said", "the pixels of a picture did not come with it")},
    {"how-no-sign", ARGUS_SENTENCE("Said", "has given no sign of life for {seconds} s")},
    {"how-silent-loading", ARGUS_SENTENCE("Said", "said nothing for {minutes} minutes while loading")},
    {"how-step-late", ARGUS_SENTENCE("Said", "did not finish a step within {minutes} minutes")},
    {"how-step-odd", ARGUS_SENTENCE("Said", "sent the result of step {step}, which is not the one that is due")},
    {"how-step-refused", ARGUS_SENTENCE("Said", "did not take a step")},
    {"program-not-started", ARGUS_SENTENCE("Said", "cannot start {program}: {reason}")},
    {"no-pipe", ARGUS_SENTENCE("Said", "cannot make a pipe: {reason}")},
    {"do-close-programs", ARGUS_SENTENCE("Said", "close other programs")},
    {"how-pixels-missing", ARGUS_SENTENCE("Said", "was ended because pixels {id} did not come whole")},
    {"rank-has-ended", ARGUS_SENTENCE("Said", "rank {rank} of {group} has ended")},
    // ---- keys that only watch ----
    {"observer-ask", ARGUS_SENTENCE("Said", "this key may only watch: it may not ask questions")},
    {"observer-upload", ARGUS_SENTENCE("Said", "this key may only watch: it may not send files")},
    {"observer-deploy", ARGUS_SENTENCE("Said", "this key may only watch: it may not deploy a model")},
    {"observer-remove", ARGUS_SENTENCE("Said", "this key may only watch: it may not remove machines")},
    {"observer-join", ARGUS_SENTENCE("Said", "this key may only watch: it may not let machines join")},
    {"observer-stop", ARGUS_SENTENCE("Said", "this key may only watch: it may not stop the head")},
    {"do-become-client", ARGUS_SENTENCE("Said",
     "on the head, give it another role: argus-node keys allow '{key}' {name} --role client")},
});
// clang-format on

/// Null for an id of another release.
[[nodiscard]] const SaidTemplate* findTemplate(std::string_view id);

struct Placeholder {
    std::string_view name;
    std::string_view between; ///< several sentences
};

/// Calls take(words, place) for each piece of a template in its order; `place` is null for plain words. A brace that
/// nothing closes is plain.
template <typename Take>
constexpr void forEachPiece(std::string_view text, Take&& take)
{
    while (!text.empty()) {
        const std::size_t open = text.find('{');
        const std::size_t close = open == text.npos ? text.npos : text.find('}', open);
        if (close == text.npos) {
            take(text, static_cast<const Placeholder*>(nullptr));
            return;
        }
        if (open > 0)
            take(text.substr(0, open), static_cast<const Placeholder*>(nullptr));
        const std::string_view inner = text.substr(open + 1, close - open - 1);
        const std::size_t bar = inner.find('|');
        const Placeholder place{inner.substr(0, bar), bar == inner.npos ? std::string_view() : inner.substr(bar + 1)};
        take(text.substr(open, close - open + 1), &place);
        text.remove_prefix(close + 1);
    }
}

/// Of one sentence; each is counted once, in the order in which they come first.
constexpr std::size_t kMostPlaceholders = 8;
struct PlaceholderNames {
    std::array<std::string_view, kMostPlaceholders> names{};
    std::size_t count = 0;
};
constexpr PlaceholderNames placeholdersOf(std::string_view text)
{
    PlaceholderNames found;
    forEachPiece(text, [&](std::string_view, const Placeholder* place) {
        if (place == nullptr)
            return;
        for (std::size_t i = 0; i < found.count; ++i)
            if (found.names[i] == place->name)
                return;
        found.names.at(found.count++) = place->name;
    });
    return found;
}

/// The id of a sentence with that many placeholders; another one does not compile.
template <std::size_t Count>
class SaidId {
public:
    consteval SaidId(const char* id) : m_id(id) // NOLINT: written as a plain text
    {
        for (const SaidTemplate& each : kCatalogue)
            if (each.id == m_id) {
                m_names = placeholdersOf(each.english);
                if (m_names.count != Count)
                    throw "the sentence has another number of placeholders";
                return;
            }
        throw "there is no such sentence in the catalogue";
    }
    [[nodiscard]] std::string_view id() const { return m_id; }
    [[nodiscard]] std::string_view name(std::size_t i) const { return m_names.names[i]; }

private:
    std::string_view m_id;
    PlaceholderNames m_names;
};

inline SaidValue saidValue(std::string_view name, Said part)
{
    SaidValue value{.name = std::string(name), .text = {}};
    if (part.id == "literal" && part.values.size() == 1)
        value.text = std::move(part.values.front().text);
    else if (!part.empty())
        value.parts.push_back(std::move(part));
    return value;
}
inline SaidValue saidValue(std::string_view name, std::vector<Said> parts)
{
    return {.name = std::string(name), .text = {}, .parts = std::move(parts)};
}
inline SaidValue saidValue(std::string_view name, std::string text)
{
    return {.name = std::string(name), .text = std::move(text)};
}
inline SaidValue saidValue(std::string_view name, std::string_view text)
{
    return {.name = std::string(name), .text = std::string(text)};
}
inline SaidValue saidValue(std::string_view name, const char* text)
{
    return {.name = std::string(name), .text = text};
}
template <std::integral Number>
SaidValue saidValue(std::string_view name, Number number)
{
    return {.name = std::string(name), .text = std::to_string(number)};
}

/// The sentence of that id; values in the order in which the English template first names them.
template <typename... Values>
[[nodiscard]] Said say(std::type_identity_t<SaidId<sizeof...(Values)>> id, Values&&... values)
{
    Said said;
    said.id = id.id();
    std::size_t at = 0;
    (said.values.push_back(saidValue(id.name(at++), std::forward<Values>(values))), ...);
    return said;
}

} // namespace argus
