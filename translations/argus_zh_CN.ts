<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN">
<context>
    <name>MediaText</name>
    <message numerus="yes">
        <source>%Ln token(s)</source>
        <comment>what an attachment costs</comment>
        <translation>
            <numerusform>%Ln 词元</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%1 s · %n frame(s) → %2 · %3</source>
        <extracomment>of a clip: length, frames the model receives, their size, tokens</extracomment>
        <translation>
            <numerusform>%1 秒 · %n 帧 → %2 · %3</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>NoWindow</name>
    <message>
        <source>there is no display here for a window (DISPLAY and WAYLAND_DISPLAY are not set); start argus in a desktop session, or ask without a window: argus-node ask &apos;QUESTION&apos;</source>
        <translation>这里没有可用来显示窗口的显示器（未设置 DISPLAY 和 WAYLAND_DISPLAY）；请在桌面会话中启动 argus，或不用窗口提问：argus-node ask &apos;问题&apos;</translation>
    </message>
    <message>
        <source>no window can be opened here: %1; start argus in a desktop session, or ask without a window: argus-node ask &apos;QUESTION&apos;</source>
        <translation>这里无法打开窗口：%1；请在桌面会话中启动 argus，或不用窗口提问：argus-node ask &apos;问题&apos;</translation>
    </message>
</context>
<context>
    <name>Said</name>
    <message>
        <source>{words}</source>
        <translation>{words}</translation>
    </message>
    <message>
        <source>{where}: {what}</source>
        <translation>{where}：{what}</translation>
    </message>
    <message>
        <source>{ways|, }, or {last}</source>
        <translation>{ways|、}，或{last}</translation>
    </message>
    <message>
        <source>{first}; {second}</source>
        <translation>{first}；{second}</translation>
    </message>
    <message>
        <source>{processor}, {count} thread</source>
        <translation>{processor}，{count} 个线程</translation>
    </message>
    <message>
        <source>{processor}, {count} threads</source>
        <translation>{processor}，{count} 个线程</translation>
    </message>
    <message>
        <source>compute on the CPU with --device cpu</source>
        <translation>用 --device cpu 在 CPU 上计算</translation>
    </message>
    <message>
        <source>{remedy}, or {other}</source>
        <translation>{remedy}，或{other}</translation>
    </message>
    <message>
        <source>{setting} is {value}, allowed is {allowed}</source>
        <translation>{setting} 为 {value}，允许的取值：{allowed}</translation>
    </message>
    <message>
        <source>{lowest} to {highest}</source>
        <translation>{lowest} 到 {highest}</translation>
    </message>
    <message>
        <source>the path of a folder</source>
        <translation>文件夹的路径</translation>
    </message>
    <message>
        <source>numbers such as 20,16</source>
        <translation>形如 20,16 的数字</translation>
    </message>
    <message>
        <source>use {value}, the default, or another allowed value</source>
        <translation>使用默认值 {value}，或其他允许的值</translation>
    </message>
    <message>
        <source>0 (automatic)</source>
        <translation>0（自动）</translation>
    </message>
    <message>
        <source>there is no setting {setting}</source>
        <translation>没有名为 {setting} 的设置</translation>
    </message>
    <message>
        <source>see the list of settings for its name</source>
        <translation>请在设置列表中查找它的名称</translation>
    </message>
    <message>
        <source>a machine has no setting {setting}</source>
        <translation>机器没有名为 {setting} 的设置</translation>
    </message>
    <message>
        <source>max_batched_tokens is {tokens}, less than max_num_seqs {sequences}: a step could not serve everyone</source>
        <translation>max_batched_tokens 为 {tokens}，小于 max_num_seqs {sequences}：一步无法照顾到所有请求</translation>
    </message>
    <message>
        <source>set max_batched_tokens to {tokens} or more</source>
        <translation>把 max_batched_tokens 设为 {tokens} 或更大</translation>
    </message>
    <message>
        <source>dtype is {dtype}, but a CPU computes in float32, whatever the checkpoint stores</source>
        <translation>dtype 为 {dtype}，但无论检查点以何种格式存储，CPU 都以 float32 计算</translation>
    </message>
    <message>
        <source>use auto or float32</source>
        <translation>使用 auto 或 float32</translation>
    </message>
    <message>
        <source>dtype is bfloat16, but {device} has compute capability {capability} and bfloat16 came with {needed}</source>
        <translation>dtype 为 bfloat16，但 {device} 的计算能力是 {capability}，从 {needed} 起才有 bfloat16</translation>
    </message>
    <message>
        <source>use auto or float16</source>
        <translation>使用 auto 或 float16</translation>
    </message>
    <message>
        <source>load_format is dummy, but a CPU executor only loads weights that exist</source>
        <translation>load_format 为 dummy，但 CPU 执行器只加载真实存在的权重</translation>
    </message>
    <message>
        <source>use load_format auto</source>
        <translation>使用 load_format auto</translation>
    </message>
    <message>
        <source>device is {device}, one GPU, but {ranks} ranks are wanted</source>
        <translation>device 为 {device}，即一块 GPU，但需要 {ranks} 个秩</translation>
    </message>
    <message>
        <source>use auto, or tensor_parallel_size 1 and pipeline_parallel_size 1</source>
        <translation>使用 auto，或 tensor_parallel_size 1 和 pipeline_parallel_size 1</translation>
    </message>
    <message>
        <source>device is {device}, which the devices of {node} leave out</source>
        <translation>device 为 {device}，但 {node} 的设备设置不含它</translation>
    </message>
    <message>
        <source>use auto</source>
        <translation>使用 auto</translation>
    </message>
    <message>
        <source>max_model_len is {asked}, but the model was made for {most} tokens</source>
        <translation>max_model_len 为 {asked}，但该模型最多支持 {most} 个词元</translation>
    </message>
    <message>
        <source>use at most {most}</source>
        <translation>最多使用 {most}</translation>
    </message>
    <message>
        <source>there are settings for {node}, which has never joined</source>
        <translation>存在 {node} 的设置，但它从未加入过</translation>
    </message>
    <message>
        <source>start argus-node there, or forget its settings</source>
        <translation>在那台机器上启动 argus-node，或丢弃它的设置</translation>
    </message>
    <message>
        <source>{count} attention heads cannot be shared by tensor_parallel_size {size}</source>
        <translation>{count} 个注意力头无法被 tensor_parallel_size {size} 均分</translation>
    </message>
    <message>
        <source>{count} KV heads can be neither shared by nor repeated over tensor_parallel_size {size}</source>
        <translation>{count} 个 KV 头既无法被 tensor_parallel_size {size} 均分，也无法均匀复制</translation>
    </message>
    <message>
        <source>intermediate_size {count} cannot be shared by tensor_parallel_size {size}</source>
        <translation>intermediate_size {count} 无法被 tensor_parallel_size {size} 均分</translation>
    </message>
    <message>
        <source>a vocabulary of {count} (padded to {padded}) cannot be shared by tensor_parallel_size {size}</source>
        <translation>大小为 {count}（填充到 {padded}）的词表无法被 tensor_parallel_size {size} 均分</translation>
    </message>
    <message>
        <source>{layer}: {what} {inputs} is {groups} AWQ groups of {group}, which tensor_parallel_size {size} cannot share ({each} each)</source>
        <translation>{layer}：{what} {inputs} 是 {groups} 个大小为 {group} 的 AWQ 组，tensor_parallel_size {size} 无法均分（每份 {each} 个）</translation>
    </message>
    <message>
        <source>the width of its input</source>
        <translation>输入宽度</translation>
    </message>
    <message>
        <source>tensor_parallel_size is {size}</source>
        <translation>tensor_parallel_size 为 {size}</translation>
    </message>
    <message>
        <source>use {sizes}</source>
        <translation>使用 {sizes}</translation>
    </message>
    <message>
        <source>use one of {sizes}</source>
        <translation>使用其中之一：{sizes}</translation>
    </message>
    <message>
        <source>{layers} layers cannot be shared by pipeline_parallel_size {size}</source>
        <translation>{layers} 层无法分给 pipeline_parallel_size {size}</translation>
    </message>
    <message>
        <source>use 1 to {most}</source>
        <translation>使用 1 到 {most}</translation>
    </message>
    <message>
        <source>stage_layers is &quot;{text}&quot;, which is no list of numbers</source>
        <translation>stage_layers 为“{text}”，这不是数字列表</translation>
    </message>
    <message>
        <source>stage_layers is &quot;{text}&quot;, {count} numbers for {stages} stages</source>
        <translation>stage_layers 为“{text}”，{count} 个数字对应 {stages} 个阶段</translation>
    </message>
    <message>
        <source>stage_layers is &quot;{text}&quot;, but every stage has 1 to {layers} layers</source>
        <translation>stage_layers 为“{text}”，但每个阶段应有 1 到 {layers} 层</translation>
    </message>
    <message>
        <source>stage_layers is &quot;{text}&quot;, {sum} layers in all, but the model has {layers}</source>
        <translation>stage_layers 为“{text}”，共 {sum} 层，但模型有 {layers} 层</translation>
    </message>
    <message>
        <source>leave stage_layers empty, or write {stages} numbers with the sum {layers}, such as {example}</source>
        <translation>让 stage_layers 留空，或写 {stages} 个总和为 {layers} 的数字，例如 {example}</translation>
    </message>
    <message>
        <source>a GPU is needed</source>
        <translation>需要一块 GPU</translation>
    </message>
    <message>
        <source>a CPU device is needed</source>
        <translation>需要一个 CPU 设备</translation>
    </message>
    <message>
        <source>{ranks} GPUs are needed, {size} on one machine for each of {stages} stages</source>
        <translation>需要 {ranks} 块 GPU：{stages} 个阶段各需同一台机器上的 {size} 块</translation>
    </message>
    <message>
        <source>{ranks} CPU devices are needed, {size} on one machine for each of {stages} stages</source>
        <translation>需要 {ranks} 个 CPU 设备：{stages} 个阶段各需同一台机器上的 {size} 个</translation>
    </message>
    <message>
        <source>{node} has {count}</source>
        <translation>{node} 有 {count} 个</translation>
    </message>
    <message>
        <source>{need}; of those that can be used {there|, }</source>
        <translation>{need}；可用的有：{there|，}</translation>
    </message>
    <message>
        <source>{need}; of those that can be used {there|, }; GPUs and CPUs are not mixed</source>
        <translation>{need}；可用的有：{there|，}；GPU 与 CPU 不会混用</translation>
    </message>
    <message>
        <source>use smaller sizes, or add GPUs</source>
        <translation>减小并行度，或增加 GPU</translation>
    </message>
    <message>
        <source>use smaller sizes, or add machines</source>
        <translation>减小并行度，或增加机器</translation>
    </message>
    <message>
        <source>{remedy}; tensor_parallel_size {size} with pipeline_parallel_size {stages} uses {devices} devices</source>
        <translation>{remedy}；tensor_parallel_size {size} 配合 pipeline_parallel_size {stages} 可使用 {devices} 个设备</translation>
    </message>
    <message>
        <source>{remedy}; it fits with tensor_parallel_size {size} with pipeline_parallel_size {stages}</source>
        <translation>{remedy}；使用 tensor_parallel_size {size} 配合 pipeline_parallel_size {stages} 可以放下</translation>
    </message>
    <message>
        <source>a context of {context} tokens needs {size}: {parts|, }; {room}</source>
        <translation>{context} 个词元的上下文需要 {size}：{parts|，}；{room}</translation>
    </message>
    <message>
        <source>a context of {context} tokens needs {size} of {device}: {parts|, }; {room}</source>
        <translation>{context} 个词元的上下文需要 {device} 的 {size}：{parts|，}；{room}</translation>
    </message>
    <message>
        <source>weights {size}</source>
        <translation>权重 {size}</translation>
    </message>
    <message>
        <source>KV cache {size}</source>
        <translation>KV 缓存 {size}</translation>
    </message>
    <message>
        <source>working memory {size}</source>
        <translation>工作内存 {size}</translation>
    </message>
    <message>
        <source>CUDA itself {size}</source>
        <translation>CUDA 自身 {size}</translation>
    </message>
    <message>
        <source>communication {size}</source>
        <translation>通信 {size}</translation>
    </message>
    <message>
        <source>{size} may be used (gpu_memory_utilization {share} of the {free} that are free)</source>
        <translation>可使用 {size}（gpu_memory_utilization {share}，空闲 {free}）</translation>
    </message>
    <message>
        <source>{size} may be used (gpu_memory_utilization {share} of {total}, {free} of which are free)</source>
        <translation>可使用 {size}（gpu_memory_utilization {share}，共 {total}，其中空闲 {free}）</translation>
    </message>
    <message>
        <source>raise gpu_memory_utilization to {share}</source>
        <translation>把 gpu_memory_utilization 提高到 {share}</translation>
    </message>
    <message>
        <source>free {size} by closing other programs</source>
        <translation>关闭其他程序，腾出 {size}</translation>
    </message>
    <message>
        <source>free {size} of {device} by closing other programs</source>
        <translation>关闭其他程序，在 {device} 上腾出 {size}</translation>
    </message>
    <message>
        <source>set max_model_len to {tokens} or less</source>
        <translation>把 max_model_len 设为 {tokens} 或更小</translation>
    </message>
    <message>
        <source>spread the model over more devices</source>
        <translation>把模型分到更多设备上</translation>
    </message>
    <message>
        <source>take a smaller or quantised checkpoint</source>
        <translation>改用更小或量化的检查点</translation>
    </message>
    <message>
        <source>take a smaller checkpoint</source>
        <translation>改用更小的检查点</translation>
    </message>
    <message>
        <source>no context fits: {ways}</source>
        <translation>任何上下文都放不下：{ways}</translation>
    </message>
    <message>
        <source>{device}: {size} are used by {users}</source>
        <translation>{device}：{size} 被 {users} 占用</translation>
    </message>
    <message>
        <source>other programs</source>
        <translation>其他程序</translation>
    </message>
    <message>
        <source>{occupations|; }</source>
        <translation>{occupations|；}</translation>
    </message>
    <message>
        <source>stop these programs, or use other devices</source>
        <translation>停止这些程序，或使用其他设备</translation>
    </message>
    <message>
        <source>stage {stage} joins {larger} with {most} and {smaller} with {least}: the smallest decides, and {unused} stay unused</source>
        <translation>阶段 {stage} 把有 {most} 的 {larger} 与有 {least} 的 {smaller} 合在一起：由最小者决定，{unused} 将闲置</translation>
    </message>
    <message>
        <source>put devices of one size in a stage</source>
        <translation>让同一阶段使用同样大小的设备</translation>
    </message>
    <message>
        <source>{device} {problem}</source>
        <translation>{device} {problem}</translation>
    </message>
    <message>
        <source>{devices|, }</source>
        <translation>{devices|，}</translation>
    </message>
    <message>
        <source>{device} has compute capability {capability}</source>
        <translation>{device} 的计算能力是 {capability}</translation>
    </message>
    <message>
        <source>{device} has compute capability {capability}, but {needed} or newer is needed</source>
        <translation>{device} 的计算能力是 {capability}，但需要 {needed} 或更新</translation>
    </message>
    <message>
        <source>{devices|, }; this release has kernels for {capabilities} and newer</source>
        <translation>{devices|，}；此版本的内核支持 {capabilities} 及更新</translation>
    </message>
    <message>
        <source>{devices|, }; this release has kernels for AWQ for {capabilities} and newer</source>
        <translation>{devices|，}；此版本的 AWQ 内核支持 {capabilities} 及更新</translation>
    </message>
    <message>
        <source>use other devices of {node}</source>
        <translation>使用 {node} 的其他设备</translation>
    </message>
    <message>
        <source>use another GPU</source>
        <translation>使用另一块 GPU</translation>
    </message>
    <message>
        <source>use a newer GPU</source>
        <translation>使用更新的 GPU</translation>
    </message>
    <message>
        <source>argus-executor-cuda is not installed beside argus-node</source>
        <translation>argus-node 旁没有安装 argus-executor-cuda</translation>
    </message>
    <message>
        <source>install Argus with CUDA</source>
        <translation>安装带 CUDA 的百目</translation>
    </message>
    <message>
        <source>{node} has GPUs, but argus-executor-cuda is not installed there</source>
        <translation>{node} 有 GPU，但没有安装 argus-executor-cuda</translation>
    </message>
    <message>
        <source>install Argus with CUDA on {node}</source>
        <translation>在 {node} 上安装带 CUDA 的百目</translation>
    </message>
    <message>
        <source>this computer shows no NVIDIA GPU</source>
        <translation>这台电脑没有可见的 NVIDIA GPU</translation>
    </message>
    <message>
        <source>see whether nvidia-smi lists it and CUDA_VISIBLE_DEVICES leaves it visible</source>
        <translation>查看 nvidia-smi 是否列出它，以及 CUDA_VISIBLE_DEVICES 是否让它可见</translation>
    </message>
    <message>
        <source>the NVIDIA driver {driver} knows CUDA {knows}, but argus-executor-cuda is built with CUDA {needed}</source>
        <translation>NVIDIA 驱动 {driver} 支持 CUDA {knows}，但 argus-executor-cuda 以 CUDA {needed} 构建</translation>
    </message>
    <message>
        <source>update the driver to {driver} or newer</source>
        <translation>把驱动更新到 {driver} 或更新</translation>
    </message>
    <message>
        <source>{node}: NVIDIA driver {driver} supports CUDA {supports}; argus-executor-cuda needs CUDA {needed}</source>
        <translation>{node}：NVIDIA 驱动 {driver} 支持 CUDA {supports}；argus-executor-cuda 需要 CUDA {needed}</translation>
    </message>
    <message>
        <source>update the driver of {node} to {driver} or newer</source>
        <translation>把 {node} 的驱动更新到 {driver} 或更新</translation>
    </message>
    <message>
        <source>there is no {device}; this computer has {gpus}</source>
        <translation>没有 {device}；这台电脑有 {gpus}</translation>
    </message>
    <message>
        <source>use cuda:0</source>
        <translation>使用 cuda:0</translation>
    </message>
    <message>
        <source>use cuda:0 to cuda:{last}</source>
        <translation>使用 cuda:0 到 cuda:{last}</translation>
    </message>
    <message>
        <source>devices of {node} is &quot;{text}&quot;, which is no list</source>
        <translation>{node} 的设备设置为“{text}”，这不是列表</translation>
    </message>
    <message>
        <source>write all, none, or numbers such as 0,1</source>
        <translation>写 all、none，或形如 0,1 的数字</translation>
    </message>
    <message>
        <source>devices of {node} names {numbers}, but it has none</source>
        <translation>{node} 的设备设置指定了 {numbers}，但它没有设备</translation>
    </message>
    <message>
        <source>devices of {node} names {numbers}, but it has {there}</source>
        <translation>{node} 的设备设置指定了 {numbers}，但它有的是 {there}</translation>
    </message>
    <message>
        <source>write none</source>
        <translation>写 none</translation>
    </message>
    <message>
        <source>write all, or some of {numbers}</source>
        <translation>写 all，或 {numbers} 中的一部分</translation>
    </message>
    <message>
        <source>cannot be opened: {reason}</source>
        <translation>无法打开：{reason}</translation>
    </message>
    <message>
        <source>does not tell its compute capability: {reason}</source>
        <translation>没有报告计算能力：{reason}</translation>
    </message>
    <message>
        <source>does not tell its memory: {reason}</source>
        <translation>没有报告显存：{reason}</translation>
    </message>
    <message>
        <source>is divided into instances (MIG), which this release cannot use</source>
        <translation>被划分为实例（MIG），此版本无法使用</translation>
    </message>
    <message>
        <source>the NVIDIA driver has not answered for {seconds} s</source>
        <translation>NVIDIA 驱动已 {seconds} 秒没有响应</translation>
    </message>
    <message>
        <source>see what nvidia-smi says, restart the computer if it hangs too</source>
        <translation>查看 nvidia-smi 的输出，如果它也卡住，请重启电脑</translation>
    </message>
    <message>
        <source>there is no machine</source>
        <translation>没有任何机器</translation>
    </message>
    <message>
        <source>start argus-node</source>
        <translation>启动 argus-node</translation>
    </message>
    <message>
        <source>{node} is not connected</source>
        <translation>{node} 未连接</translation>
    </message>
    <message>
        <source>{node} is not connected: {why}</source>
        <translation>{node} 未连接：{why}</translation>
    </message>
    <message>
        <source>start argus-node on {node}, see that it reaches the head, or set its devices to none</source>
        <translation>在 {node} 上启动 argus-node，确认它能连到主节点，或把它的设备设为 none</translation>
    </message>
    <message>
        <source>{node} runs argus-node {version}, the head {head} runs {needed}</source>
        <translation>{node} 运行 argus-node {version}，主节点 {head} 运行 {needed}</translation>
    </message>
    <message>
        <source>install argus-node {version} on {node}</source>
        <translation>在 {node} 上安装 argus-node {version}</translation>
    </message>
    <message>
        <source>{node} has no NCCL, which {count} GPUs need to compute together</source>
        <translation>{node} 没有 NCCL，{count} 块 GPU 需要它才能一起计算</translation>
    </message>
    <message>
        <source>install libnccl2 on {node}, or use one GPU</source>
        <translation>在 {node} 上安装 libnccl2，或只用一块 GPU</translation>
    </message>
    <message>
        <source>NCCL differs: {first} has {theirs}, {node} has {version}, and all ranks need the same</source>
        <translation>NCCL 版本不同：{first} 为 {theirs}，{node} 为 {version}，而所有秩需要同一版本</translation>
    </message>
    <message>
        <source>install NCCL {version} on {node}</source>
        <translation>在 {node} 上安装 NCCL {version}</translation>
    </message>
    <message>
        <source>/dev/shm on {node} is {size}, but NCCL needs about {needed} for {count} GPUs</source>
        <translation>{node} 的 /dev/shm 为 {size}，但 NCCL 为 {count} 块 GPU 大约需要 {needed}</translation>
    </message>
    <message>
        <source>make it larger; a container is started with --shm-size {megabytes}m</source>
        <translation>把它调大；容器启动时使用 --shm-size {megabytes}m</translation>
    </message>
    <message>
        <source>{node} may open {limit} files, and {count} ranks may need {needed}</source>
        <translation>{node} 最多可打开 {limit} 个文件，而 {count} 个秩可能需要 {needed} 个</translation>
    </message>
    <message>
        <source>raise LimitNOFILE in the service file, or ulimit -n</source>
        <translation>调大服务文件中的 LimitNOFILE，或 ulimit -n</translation>
    </message>
    <message>
        <source>the clock of {node} is {amount} ahead (only times in logs are affected)</source>
        <translation>{node} 的时钟快了 {amount}（只影响日志中的时间）</translation>
    </message>
    <message>
        <source>the clock of {node} is {amount} behind (only times in logs are affected)</source>
        <translation>{node} 的时钟慢了 {amount}（只影响日志中的时间）</translation>
    </message>
    <message>
        <source>{seconds} s</source>
        <translation>{seconds} 秒</translation>
    </message>
    <message>
        <source>{minutes} min {seconds} s</source>
        <translation>{minutes} 分 {seconds} 秒</translation>
    </message>
    <message>
        <source>set it, or have it set from the network</source>
        <translation>校准时钟，或让它通过网络自动校准</translation>
    </message>
    <message>
        <source>the model cannot be laid out: {reason}</source>
        <translation>无法安排该模型：{reason}</translation>
    </message>
    <message>
        <source>the model cannot be laid out on {device}: {reason}</source>
        <translation>无法在 {device} 上安排该模型：{reason}</translation>
    </message>
    <message>
        <source>take another checkpoint</source>
        <translation>改用另一个检查点</translation>
    </message>
    <message>
        <source>{node}: {folder}: {difference}</source>
        <translation>{node}：{folder}：{difference}</translation>
    </message>
    <message>
        <source>{file} is missing</source>
        <translation>缺少 {file}</translation>
    </message>
    <message>
        <source>{file} has {size} bytes, the head&apos;s {needed}</source>
        <translation>{file} 有 {size} 字节，主节点上的有 {needed} 字节</translation>
    </message>
    <message>
        <source>{file} has other content than the head&apos;s, at the same size</source>
        <translation>{file} 与主节点上的大小相同，但内容不同</translation>
    </message>
    <message>
        <source>nothing: it is fetched from the head first</source>
        <translation>无需操作：会先从主节点获取</translation>
    </message>
    <message>
        <source>nothing: it is fetched from the head first, in about {seconds} s</source>
        <translation>无需操作：会先从主节点获取，大约需要 {seconds} 秒</translation>
    </message>
    <message>
        <source>copy it from the head again, or choose another folder on {node}</source>
        <translation>重新从主节点复制，或在 {node} 上选择另一个文件夹</translation>
    </message>
    <message>
        <source>{node} lacks {size} of {folder}</source>
        <translation>{node} 缺少 {folder} 中的 {size}</translation>
    </message>
    <message>
        <source>{node} lacks {size} that its ranks need of {folder}</source>
        <translation>{node} 缺少其各秩所需的 {folder} 中的 {size}</translation>
    </message>
    <message>
        <source>{file} is a part of another machine&apos;s copy: {there} of its {size} bytes are there</source>
        <translation>{file} 只是另一台机器副本的一部分：{size} 字节中有 {there} 字节</translation>
    </message>
    <message>
        <source>name a folder that has the whole model</source>
        <translation>请指定包含完整模型的文件夹</translation>
    </message>
    <message>
        <source>it {why} while it fetched the model from the head</source>
        <translation>它在从头节点获取模型时{why}</translation>
    </message>
    <message>
        <source>start argus-node there again and deploy again: what has come is kept</source>
        <translation>请在那里重新启动 argus-node 并再次部署：已获取的部分会保留</translation>
    </message>
    <message>
        <source>fetching {model} from the head has stopped: nothing is heard of it for {seconds} s</source>
        <translation>从头节点获取 {model} 已停止：{seconds} 秒没有收到任何消息</translation>
    </message>
    <message>
        <source>look at the network between the two, and deploy again: what has come is kept</source>
        <translation>请检查两台机器之间的网络，然后再次部署：已获取的部分会保留</translation>
    </message>
    <message>
        <source>no line can be made to {address}, where the head hands out models</source>
        <translation>无法连接到 {address}，主节点在那里分发模型</translation>
    </message>
    <message>
        <source>open port {port} of the head in the firewall between the two, and deploy again: what has come is kept</source>
        <translation>在两者之间的防火墙上打开主节点的端口 {port}，然后重新部署：已取得的部分会保留</translation>
    </message>
    <message>
        <source>{free} bytes are free for {folder}, {needed} are to be fetched</source>
        <translation>{folder} 可用空间为 {free} 字节，需要获取 {needed} 字节</translation>
    </message>
    <message>
        <source>the disk is full at {file}: {free} bytes are free, {needed} are still to be fetched</source>
        <translation>{file} 所在磁盘已满：可用空间为 {free} 字节，还需要获取 {needed} 字节</translation>
    </message>
    <message>
        <source>free {size} bytes there, with argus-node models for one, and deploy again: what has come is kept</source>
        <translation>请在那里腾出 {size} 字节（例如使用 argus-node models），然后再次部署：已获取的部分会保留</translation>
    </message>
    <message>
        <source>the key of this computer has been revoked on the head</source>
        <translation>主节点已撤销本机的密钥</translation>
    </message>
    <message>
        <source>the head has said nothing about an attachment for {seconds} s</source>
        <translation>主节点已有 {seconds} 秒没有回应附件的上传</translation>
    </message>
    <message>
        <source>{node}: {free} free for {folder}, {needed} needed</source>
        <translation>{node}：{folder} 所在磁盘空闲 {free}，需要 {needed}</translation>
    </message>
    <message>
        <source>free {size} there, or choose another folder on {node}</source>
        <translation>在那里腾出 {size}，或在 {node} 上选择另一个文件夹</translation>
    </message>
    <message>
        <source>{node}: {folder} is not complete, {size} are missing</source>
        <translation>{node}：{folder} 不完整，缺少 {size}</translation>
    </message>
    <message>
        <source>copy or download it again</source>
        <translation>重新复制或下载</translation>
    </message>
    <message>
        <source>{node}: {folder} not found</source>
        <translation>{node}：找不到 {folder}</translation>
    </message>
    <message>
        <source>copy the model there, or choose its folder on {node}</source>
        <translation>把模型复制到那里，或指定它在 {node} 上的文件夹</translation>
    </message>
    <message>
        <source>{node} would be reached at {address}, which means every machine itself</source>
        <translation>{node} 的地址会是 {address}，而它在每台机器上都指向自己</translation>
    </message>
    <message>
        <source>choose the interface of {node}</source>
        <translation>选择 {node} 的网络接口</translation>
    </message>
    <message>
        <source>{first} uses {theirs} but {node} uses {address} for the traffic between ranks: they may not reach each other</source>
        <translation>秩之间的通信，{first} 使用 {theirs}，而 {node} 使用 {address}：两者可能无法互通</translation>
    </message>
    <message>
        <source>MTU differs: {first} {other} {theirs}, {node} {interface} {mtu}; large packets may be dropped</source>
        <translation>MTU 不同：{first} {other} 为 {theirs}，{node} {interface} 为 {mtu}；大数据包可能被丢弃</translation>
    </message>
    <message>
        <source>give both the same MTU</source>
        <translation>把两者设为相同的 MTU</translation>
    </message>
    <message>
        <source>{node} uses the public address {address} for traffic between ranks, which is not encrypted</source>
        <translation>{node} 使用公网地址 {address} 进行秩之间的通信，而这些通信不加密</translation>
    </message>
    <message>
        <source>{node} would use the public address {address} for traffic between ranks, which is not encrypted</source>
        <translation>{node} 将使用公网地址 {address} 进行秩之间的通信，而这些通信不加密</translation>
    </message>
    <message>
        <source>choose a private interface of {node}</source>
        <translation>选择 {node} 的内网接口</translation>
    </message>
    <message>
        <source>choose a private interface of {node}, or name this one to accept it</source>
        <translation>选择 {node} 的内网接口，或明确指定这个接口以表示接受</translation>
    </message>
    <message>
        <source>the link of {node} to the head carries {rate}: a step of {tokens} tokens sends {size} MB between stages, which takes {seconds} s</source>
        <translation>{node} 到主节点的链路速率为 {rate}：每步 {tokens} 个词元要在阶段之间传输 {size} MB，需要 {seconds} 秒</translation>
    </message>
    <message>
        <source>the link of {node} to the head has a round trip of {milliseconds} ms, which every token waits for</source>
        <translation>{node} 到主节点的链路往返时延为 {milliseconds} 毫秒，每个词元都要等待</translation>
    </message>
    <message>
        <source>the link of {node} to the head carries {rate}: a step of {tokens} tokens sends {size} MB between stages, which takes {seconds} s, and has a round trip of {milliseconds} ms, which every token waits for</source>
        <translation>{node} 到主节点的链路速率为 {rate}：每步 {tokens} 个词元要在阶段之间传输 {size} MB，需要 {seconds} 秒；往返时延为 {milliseconds} 毫秒，每个词元都要等待</translation>
    </message>
    <message>
        <source>use a faster network or fewer machines; pipeline stages work over this link, tensor parallel across machines would be many times slower and is not offered</source>
        <translation>使用更快的网络或更少的机器；流水线阶段可以经由此链路工作，跨机器的张量并行会慢许多倍，因此不提供</translation>
    </message>
    <message>
        <source>{node}: {interface} carries the traffic between ranks</source>
        <translation>{node}：秩之间的通信经由 {interface}</translation>
    </message>
    <message>
        <source>{node}: {interface}, {rate} to the head, carries the traffic between ranks</source>
        <translation>{node}：秩之间的通信经由 {interface}，到主节点 {rate}</translation>
    </message>
    <message>
        <source>stage {stage}: layers {first} to {last} of {layers}, on {node} {devices}</source>
        <translation>阶段 {stage}：第 {first} 到 {last} 层（共 {layers} 层），在 {node} {devices} 上</translation>
    </message>
    <message>
        <source>stage {stage}: its {ranks} ranks are joined by {how}</source>
        <translation>阶段 {stage}：其 {ranks} 个秩经 {how} 相连</translation>
    </message>
    <message>
        <source>NVLink ×{links}</source>
        <translation>{links} 条 NVLink 链路</translation>
    </message>
    <message>
        <source>NVLink ×{links} through a switch</source>
        <translation>{links} 条 NVLink 链路（经交换芯片）</translation>
    </message>
    <message>
        <source>NVLink between some and PCIe between others</source>
        <translation>NVLink（部分）和 PCIe（其余）</translation>
    </message>
    <message>
        <source>PCIe</source>
        <translation>PCIe 总线</translation>
    </message>
    <message>
        <source>all compute in float16, because {device} has compute capability {capability} and bfloat16 came with 8.0</source>
        <translation>全部以 float16 计算，因为 {device} 的计算能力是 {capability}，从 8.0 起才有 bfloat16</translation>
    </message>
    <message>
        <source>layers are shared by memory: the first stage holds the vision tower besides, the last one the scores, and the scarcest device decides how long a context can be</source>
        <translation>各层按内存分配：第一阶段还要放视觉塔，最后一个阶段还要放输出层，最紧张的设备决定上下文能有多长</translation>
    </message>
    <message>
        <source>{heads} KV heads are repeated on {ranks} ranks: the cache takes {times} times the memory</source>
        <translation>{heads} 个 KV 头被复制到 {ranks} 个秩上：缓存占用 {times} 倍内存</translation>
    </message>
    <message>
        <source>the vision tower cannot be shared by {ranks} ranks: each of the first stage has it whole</source>
        <translation>视觉塔无法由 {ranks} 个秩分担：第一阶段的每个秩都有完整的一份</translation>
    </message>
    <message>
        <source>contexts end at {tokens} tokens, for which {device} has memory; the model was made for {most}</source>
        <translation>上下文最长 {tokens} 个词元，这是 {device} 的内存所能容纳的；模型支持 {most} 个</translation>
    </message>
    <message>
        <source>the head does not answer</source>
        <translation>主节点没有响应</translation>
    </message>
    <message>
        <source>wait until it is back, then try again</source>
        <translation>等它恢复后再试</translation>
    </message>
    <message>
        <source>nobody answers at {address}</source>
        <translation>{address} 没有响应</translation>
    </message>
    <message>
        <source>check that the head runs, its address and the firewall between</source>
        <translation>检查主节点是否在运行、它的地址以及两者之间的防火墙</translation>
    </message>
    <message>
        <source>check that the head runs, and its address</source>
        <translation>检查主节点是否在运行以及它的地址</translation>
    </message>
    <message>
        <source>the head at {address} does not greet back</source>
        <translation>{address} 的主节点没有回应问候</translation>
    </message>
    <message>
        <source>restart the head</source>
        <translation>重启主节点</translation>
    </message>
    <message>
        <source>the head at {address} has been silent for {seconds} seconds</source>
        <translation>{address} 的主节点已 {seconds} 秒没有消息</translation>
    </message>
    <message>
        <source>check the network and the head&apos;s log</source>
        <translation>检查网络和主节点的日志</translation>
    </message>
    <message>
        <source>the connection to {address} was lost</source>
        <translation>与 {address} 的连接已断开</translation>
    </message>
    <message>
        <source>wait: it is being restored</source>
        <translation>请稍候：正在恢复</translation>
    </message>
    <message>
        <source>the head at {address} does not know this computer</source>
        <translation>{address} 的主节点不认识这台电脑</translation>
    </message>
    <message>
        <source>add this computer&apos;s key on the head: argus-node keys allow &apos;{key}&apos; NAME</source>
        <translation>在主节点上添加这台电脑的密钥：argus-node keys allow &apos;{key}&apos; 名称</translation>
    </message>
    <message>
        <source>{address} speaks ZeroMQ without encryption: it is not a head of Argus</source>
        <translation>{address} 使用未加密的 ZeroMQ：它不是百目的主节点</translation>
    </message>
    <message>
        <source>check the address</source>
        <translation>检查地址</translation>
    </message>
    <message>
        <source>{address} answers, but it is not the head with the key {key}</source>
        <translation>{address} 有响应，但它不是密钥为 {key} 的主节点</translation>
    </message>
    <message>
        <source>if the head was installed anew, take over its new key (argus-node keys show, on the head); else another program uses this port</source>
        <translation>如果主节点重新安装过，请采用它的新密钥（在主节点上运行 argus-node keys show）；否则是另一个程序占用了该端口</translation>
    </message>
    <message>
        <source>the head on this computer {how} before it was ready</source>
        <translation>这台电脑上的主节点还未就绪就结束了：{how}</translation>
    </message>
    <message>
        <source>the head restarted while it answered ({reason})</source>
        <translation>主节点在回答时重启了（{reason}）</translation>
    </message>
    <message>
        <source>ask again</source>
        <translation>请重新提问</translation>
    </message>
    <message>
        <source>{count} asks have no answer yet</source>
        <translation>还有 {count} 个提问没有回答</translation>
    </message>
    <message>
        <source>wait for some of them</source>
        <translation>请等待其中一些完成</translation>
    </message>
    <message>
        <source>{count} files are being looked at</source>
        <translation>正在查看 {count} 个文件</translation>
    </message>
    <message>
        <source>this connection has not said hello, or was silent too long</source>
        <translation>此连接没有问候，或沉默太久</translation>
    </message>
    <message>
        <source>send Hello</source>
        <translation>请发送 Hello</translation>
    </message>
    <message>
        <source>this head does not know that kind of message</source>
        <translation>此主节点不认识这种消息</translation>
    </message>
    <message>
        <source>update argus-node on the head</source>
        <translation>更新主节点上的 argus-node</translation>
    </message>
    <message>
        <source>{count} clients are connected, no more are taken</source>
        <translation>已有 {count} 个客户端连接，不再接受更多</translation>
    </message>
    <message>
        <source>try again when somebody has left</source>
        <translation>等有人离开后再试</translation>
    </message>
    <message>
        <source>too many files wait to be looked into</source>
        <translation>等待查看的文件太多</translation>
    </message>
    <message>
        <source>try again in a while</source>
        <translation>请稍后再试</translation>
    </message>
    <message>
        <source>{count} questions are waiting for an answer</source>
        <translation>有 {count} 个问题在等待回答</translation>
    </message>
    <message>
        <source>ask again in a while</source>
        <translation>请稍后再提问</translation>
    </message>
    <message>
        <source>the head cannot take more questions now</source>
        <translation>主节点现在无法接受更多问题</translation>
    </message>
    <message>
        <source>this head does not know that question (any more)</source>
        <translation>此主节点（已）不知道这个问题</translation>
    </message>
    <message>
        <source>too many requests about the cluster wait for an answer</source>
        <translation>等待回应的集群请求太多</translation>
    </message>
    <message>
        <source>the head cannot take more requests now</source>
        <translation>主节点现在无法接受更多请求</translation>
    </message>
    <message>
        <source>no node of the name {node} has ever been here</source>
        <translation>从未有过名为 {node} 的节点</translation>
    </message>
    <message>
        <source>no worker of the name {node} has joined</source>
        <translation>没有名为 {node} 的工作节点加入过</translation>
    </message>
    <message>
        <source>use a name that argus-node status shows</source>
        <translation>使用 argus-node status 列出的名称</translation>
    </message>
    <message>
        <source>this head serves only this computer</source>
        <translation>此主节点只为这台电脑服务</translation>
    </message>
    <message>
        <source>start one that others can join: argus-node start --head --listen 0.0.0.0:47700</source>
        <translation>启动一个允许加入的主节点：argus-node start --head --listen 0.0.0.0:47700</translation>
    </message>
    <message>
        <source>this head is stopping</source>
        <translation>此主节点正在停止</translation>
    </message>
    <message>
        <source>ask again when it has been started again</source>
        <translation>等它重新启动后再提问</translation>
    </message>
    <message>
        <source>another model was deployed while this question was being answered</source>
        <translation>回答此问题时部署了另一个模型</translation>
    </message>
    <message>
        <source>the executor {how} while answering, twice in a row</source>
        <translation>执行器在回答时连续两次失败：{how}</translation>
    </message>
    <message>
        <source>ask again with smaller pictures or a shorter conversation; the executor starts again by itself</source>
        <translation>请用更小的图片或更短的对话重新提问；执行器会自行重启</translation>
    </message>
    <message>
        <source>{count} images and videos are more than the {most} of one conversation</source>
        <translation>{count} 个图片和视频，超过一个对话允许的 {most} 个</translation>
    </message>
    <message>
        <source>ask about fewer of them at a time</source>
        <translation>请一次只就其中一部分提问</translation>
    </message>
    <message>
        <source>the executor finished a step without this ask&apos;s token</source>
        <translation>执行器完成了一步，却没有此提问的词元</translation>
    </message>
    <message>
        <source>too many images and videos wait to be read</source>
        <translation>等待读取的图片和视频太多</translation>
    </message>
    <message>
        <source>this conversation has {count} images, but at most {most} are allowed</source>
        <translation>此对话有 {count} 张图片，但最多允许 {most} 张</translation>
    </message>
    <message>
        <source>this conversation has {count} videos, but at most {most} are allowed</source>
        <translation>此对话有 {count} 个视频，但最多允许 {most} 个</translation>
    </message>
    <message>
        <source>take some away, or start the head with a larger {setting}</source>
        <translation>去掉一些，或以更大的 {setting} 启动主节点</translation>
    </message>
    <message>
        <source>the question has no tokens</source>
        <translation>问题中没有词元</translation>
    </message>
    <message>
        <source>write a question</source>
        <translation>请写一个问题</translation>
    </message>
    <message>
        <source>max_tokens is 0, so there could be no answer</source>
        <translation>max_tokens 为 0，因此不可能有回答</translation>
    </message>
    <message>
        <source>ask for at least 1 new token (max_tokens)</source>
        <translation>至少请求 1 个新词元（max_tokens）</translation>
    </message>
    <message>
        <source>a question of {question} tokens and an answer of up to {answer} make {sum}, more than max_model_len {most}</source>
        <translation>{question} 个词元的问题加上至多 {answer} 个词元的回答共 {sum} 个，超过 max_model_len {most}</translation>
    </message>
    <message>
        <source>a question of {question} tokens and an answer of up to {answer} need {blocks} KV blocks of {size} tokens, there are {most}</source>
        <translation>{question} 个词元的问题加上至多 {answer} 个词元的回答需要 {blocks} 个 KV 块（每块 {size} 个词元），只有 {most} 个</translation>
    </message>
    <message>
        <source>ask for at most {tokens} new tokens (max_tokens), or raise {setting}</source>
        <translation>最多请求 {tokens} 个新词元（max_tokens），或调大 {setting}</translation>
    </message>
    <message>
        <source>the pictures and clips of this conversation take {tokens} tokens, there is room for {most} at a time</source>
        <translation>此对话中的图片和视频共占 {tokens} 个词元，同时最多只能容纳 {most} 个</translation>
    </message>
    <message>
        <source>ask about fewer or smaller pictures, or a shorter clip</source>
        <translation>请减少图片数量、使用更小的图片或更短的视频</translation>
    </message>
    <message>
        <source>shorten the question or its pictures to less than {tokens} tokens, or raise {setting}</source>
        <translation>把问题或其图片缩短到 {tokens} 个词元以内，或调大 {setting}</translation>
    </message>
    <message>
        <source>the conversation has {places} places for pictures and clips, {count} were given</source>
        <translation>对话中有 {places} 处图片和视频的位置，却给出了 {count} 个</translation>
    </message>
    <message>
        <source>attach each picture or clip once, where it is mentioned</source>
        <translation>每个图片或视频只在提到它的地方附加一次</translation>
    </message>
    <message>
        <source>item {item} would take {tokens} tokens, possible are 1 to {most}</source>
        <translation>第 {item} 项会占用 {tokens} 个词元，允许 1 到 {most} 个</translation>
    </message>
    <message>
        <source>attach a smaller picture or a shorter clip</source>
        <translation>附加更小的图片或更短的视频</translation>
    </message>
    <message>
        <source>cannot open {file}: {reason}</source>
        <translation>无法打开 {file}：{reason}</translation>
    </message>
    <message>
        <source>cannot read {file}: {reason}</source>
        <translation>无法读取 {file}：{reason}</translation>
    </message>
    <message>
        <source>check the path and the file&apos;s permissions</source>
        <translation>检查路径和文件的权限</translation>
    </message>
    <message>
        <source>{file} is not a regular file</source>
        <translation>{file} 不是普通文件</translation>
    </message>
    <message>
        <source>attach a picture or a video</source>
        <translation>请附加图片或视频</translation>
    </message>
    <message>
        <source>{file} has become shorter while it was sent</source>
        <translation>{file} 在发送时变短了</translation>
    </message>
    <message>
        <source>{file} has become shorter while it was read</source>
        <translation>{file} 在读取时变短了</translation>
    </message>
    <message>
        <source>attach it again when nobody writes to it</source>
        <translation>等没有程序写入它时再附加</translation>
    </message>
    <message>
        <source>{file} is empty</source>
        <translation>{file} 是空的</translation>
    </message>
    <message>
        <source>{file} has {size} bytes, the head takes at most {most}</source>
        <translation>{file} 有 {size} 字节，主节点最多接受 {most}</translation>
    </message>
    <message>
        <source>attach a smaller file, or raise max_upload_bytes on the head</source>
        <translation>附加更小的文件，或在主节点上调大 max_upload_bytes</translation>
    </message>
    <message>
        <source>the attachment is empty</source>
        <translation>附件是空的</translation>
    </message>
    <message>
        <source>the attachment has {size} bytes, at most {most} can be sent</source>
        <translation>附件有 {size} 字节，最多可发送 {most}</translation>
    </message>
    <message>
        <source>attach a smaller file</source>
        <translation>请附加更小的文件</translation>
    </message>
    <message>
        <source>the file has {size} bytes, this head takes at most {most}</source>
        <translation>文件有 {size} 字节，此主节点最多接受 {most}</translation>
    </message>
    <message>
        <source>send a smaller file, or raise max_upload_bytes on the head</source>
        <translation>发送更小的文件，或在主节点上调大 max_upload_bytes</translation>
    </message>
    <message>
        <source>{count} uploads of this session are on their way already</source>
        <translation>此会话已有 {count} 个上传正在进行</translation>
    </message>
    <message>
        <source>wait for one of them to finish</source>
        <translation>请等待其中一个完成</translation>
    </message>
    <message>
        <source>{count} uploads are on their way to this head already</source>
        <translation>已有 {count} 个上传正在发往此主节点</translation>
    </message>
    <message>
        <source>try again in a moment</source>
        <translation>请稍后重试</translation>
    </message>
    <message>
        <source>the head holds {held} bytes of attachments that are in use, of {most} it may hold; this file has {size}</source>
        <translation>主节点已保存 {held} 字节正在使用的附件，上限为 {most}；此文件有 {size}</translation>
    </message>
    <message>
        <source>try again when other asks have finished</source>
        <translation>等其他提问完成后再试</translation>
    </message>
    <message>
        <source>the file arrived with SHA-256 {actual}…, announced was {announced}…</source>
        <translation>文件到达时的 SHA-256 为 {actual}…，而声明的是 {announced}…</translation>
    </message>
    <message>
        <source>send it again; it may have changed while it was read</source>
        <translation>请重新发送；它可能在读取时被修改了</translation>
    </message>
    <message>
        <source>the attachment {digest} is not on the head</source>
        <translation>附件 {digest} 不在主节点上</translation>
    </message>
    <message>
        <source>attach the file again</source>
        <translation>请重新附加该文件</translation>
    </message>
    <message>
        <source>cannot store the attachment in {folder}: {reason} ({free} bytes free)</source>
        <translation>无法把附件存入 {folder}：{reason}（空闲 {free} 字节）</translation>
    </message>
    <message>
        <source>free disk space on the head</source>
        <translation>请释放主节点的磁盘空间</translation>
    </message>
    <message>
        <source>{file} cannot be opened: {reason}</source>
        <translation>无法打开 {file}：{reason}</translation>
    </message>
    <message>
        <source>check that the file is there and may be read</source>
        <translation>检查文件是否存在且可读</translation>
    </message>
    <message>
        <source>{file} is not a file</source>
        <translation>{file} 不是文件</translation>
    </message>
    <message>
        <source>choose a picture or a video</source>
        <translation>请选择图片或视频</translation>
    </message>
    <message>
        <source>choose another file; this one has no content</source>
        <translation>请选择另一个文件；这个文件没有内容</translation>
    </message>
    <message>
        <source>{file} has {size} bytes, the limit is {most}</source>
        <translation>{file} 有 {size} 字节，上限为 {most}</translation>
    </message>
    <message>
        <source>choose a smaller file</source>
        <translation>请选择更小的文件</translation>
    </message>
    <message>
        <source>{file} cannot be read: {reason}</source>
        <translation>无法读取 {file}：{reason}</translation>
    </message>
    <message>
        <source>check the disk the file is on</source>
        <translation>检查文件所在的磁盘</translation>
    </message>
    <message>
        <source>JPEG picture</source>
        <translation>JPEG 图片</translation>
    </message>
    <message>
        <source>PNG picture</source>
        <translation>PNG 图片</translation>
    </message>
    <message>
        <source>WebP picture</source>
        <translation>WebP 图片</translation>
    </message>
    <message>
        <source>BMP picture</source>
        <translation>BMP 图片</translation>
    </message>
    <message>
        <source>GIF picture</source>
        <translation>GIF 图片</translation>
    </message>
    <message>
        <source>TIFF picture</source>
        <translation>TIFF 图片</translation>
    </message>
    <message>
        <source>MP4 video</source>
        <translation>MP4 视频</translation>
    </message>
    <message>
        <source>Matroska video</source>
        <translation>Matroska 视频</translation>
    </message>
    <message>
        <source>AVI video</source>
        <translation>AVI 视频</translation>
    </message>
    <message>
        <source>WMV video</source>
        <translation>WMV 视频</translation>
    </message>
    <message>
        <source>FLV video</source>
        <translation>FLV 视频</translation>
    </message>
    <message>
        <source>MPEG video</source>
        <translation>MPEG 视频</translation>
    </message>
    <message>
        <source>Ogg video</source>
        <translation>Ogg 视频</translation>
    </message>
    <message>
        <source>file</source>
        <translation>文件</translation>
    </message>
    <message>
        <source>this {kind} ends too early: {count} of {total} rows could be read</source>
        <translation>此{kind}过早结束：{total} 行中只能读取 {count} 行</translation>
    </message>
    <message>
        <source>this {kind} ends too early</source>
        <translation>此{kind}过早结束</translation>
    </message>
    <message>
        <source>try another copy of the file, or save it anew with the program that made it</source>
        <translation>换一份该文件的副本，或用制作它的程序重新保存</translation>
    </message>
    <message>
        <source>{width} × {height} pixels are more than the limit of {most} for a picture</source>
        <translation>{width} × {height} 像素超过图片的上限 {most}</translation>
    </message>
    <message>
        <source>{width} × {height} pixels are more than the limit of {most} for a frame of a video</source>
        <translation>{width} × {height} 像素超过视频单帧的上限 {most}</translation>
    </message>
    <message>
        <source>scale it down first</source>
        <translation>请先缩小它</translation>
    </message>
    <message>
        <source>this {kind} is damaged and cannot be decoded</source>
        <translation>此{kind}已损坏，无法解码</translation>
    </message>
    <message>
        <source>this {kind} is incomplete: {count} of {total} frames could be read</source>
        <translation>此{kind}不完整：{total} 帧中只能读取 {count} 帧</translation>
    </message>
    <message>
        <source>this {kind} holds no moving picture</source>
        <translation>此{kind}中没有动态画面</translation>
    </message>
    <message>
        <source>choose a picture (PNG, JPEG, WebP, BMP, GIF, TIFF) or a video (MP4, MOV, MKV, WebM, AVI, WMV, FLV, MPEG, OGG)</source>
        <translation>请选择图片（PNG、JPEG、WebP、BMP、GIF、TIFF）或视频（MP4、MOV、MKV、WebM、AVI、WMV、FLV、MPEG、OGG）</translation>
    </message>
    <message>
        <source>this {kind} uses a compression that Argus does not decode (number {number})</source>
        <translation>此{kind}使用了百目无法解码的压缩方式（编号 {number}）</translation>
    </message>
    <message>
        <source>convert it to H.264 in an MP4 file</source>
        <translation>请把它转换为 MP4 文件中的 H.264</translation>
    </message>
    <message>
        <source>this video is {seconds} s long, the limit is {most} s</source>
        <translation>此视频长 {seconds} 秒，上限为 {most} 秒</translation>
    </message>
    <message>
        <source>cut out the part the question is about</source>
        <translation>请截取与问题有关的部分</translation>
    </message>
    <message>
        <source>decoding this {kind} takes more than the {most} MiB of memory it may use</source>
        <translation>解码此{kind}所需内存超过允许的 {most} MiB</translation>
    </message>
    <message>
        <source>{width} × {height} pixels are too narrow: one side is more than 200 times the other</source>
        <translation>{width} × {height} 像素过于狭长：一边是另一边的 200 倍以上</translation>
    </message>
    <message>
        <source>cut it into several parts</source>
        <translation>请把它切成几部分</translation>
    </message>
    <message>
        <source>the decoder could not lock itself in (step {step}, error {number}), so it read nothing</source>
        <translation>解码器无法把自己隔离（步骤 {step}，错误 {number}），因此什么也没有读取</translation>
    </message>
    <message>
        <source>install Argus whole, on a Linux kernel with seccomp</source>
        <translation>请完整安装百目，并使用带 seccomp 的 Linux 内核</translation>
    </message>
    <message>
        <source>the decoder gave an answer out of place (reason {number})</source>
        <translation>解码器给出了不合时宜的回应（原因 {number}）</translation>
    </message>
    <message>
        <source>install Argus whole: its programs belong into one folder</source>
        <translation>请完整安装百目：它的程序应在同一个文件夹中</translation>
    </message>
    <message>
        <source>it begins with plain text</source>
        <translation>它以纯文本开头</translation>
    </message>
    <message>
        <source>it begins with the bytes {bytes}</source>
        <translation>它以这些字节开头：{bytes}</translation>
    </message>
    <message>
        <source>this is no picture or video that Argus reads ({found})</source>
        <translation>这不是百目能读取的图片或视频（{found}）</translation>
    </message>
    <message>
        <source>decoding this file took more processor time than it may use</source>
        <translation>解码此文件所用的处理器时间超过允许值</translation>
    </message>
    <message>
        <source>choose a shorter or smaller file</source>
        <translation>请选择更短或更小的文件</translation>
    </message>
    <message>
        <source>signal {number}</source>
        <translation>信号 {number}</translation>
    </message>
    <message>
        <source>status {number}</source>
        <translation>状态 {number}</translation>
    </message>
    <message>
        <source>this file could not be decoded (decoder stopped, {how}); the file may be damaged; nothing else was affected</source>
        <translation>无法解码此文件（解码器已停止，{how}）；文件可能已损坏；其他部分不受影响</translation>
    </message>
    <message>
        <source>decoding this file took longer than {milliseconds} ms</source>
        <translation>解码此文件的时间超过 {milliseconds} 毫秒</translation>
    </message>
    <message>
        <source>this file could not be decoded (the decoder&apos;s answer contradicts itself); the file may be damaged</source>
        <translation>无法解码此文件（解码器的回应自相矛盾）；文件可能已损坏</translation>
    </message>
    <message>
        <source>choose another file</source>
        <translation>请选择另一个文件</translation>
    </message>
    <message>
        <source>{folder} is not a folder</source>
        <translation>{folder} 不是文件夹</translation>
    </message>
    <message>
        <source>name a folder with config.json, tokenizer.json and the safetensors files</source>
        <translation>请指定包含 config.json、tokenizer.json 和 safetensors 文件的文件夹</translation>
    </message>
    <message>
        <source>{program} cannot start: a library that it needs is missing</source>
        <translation>{program} 无法启动：缺少它所需的库</translation>
    </message>
    <message>
        <source>install the library that the node&apos;s log names</source>
        <translation>请安装节点日志中提到的库</translation>
    </message>
    <message>
        <source>the executor {how}</source>
        <translation>执行器{how}</translation>
    </message>
    <message>
        <source>on {node} {how}</source>
        <translation>在 {node} 上{how}</translation>
    </message>
    <message>
        <source>the executor on {node} {how}</source>
        <translation>{node} 上的执行器{how}</translation>
    </message>
    <message>
        <source>the executor ended {times} times in a row; the last time {how}</source>
        <translation>执行器连续结束了 {times} 次；最近一次：{how}</translation>
    </message>
    <message>
        <source>look into the log, then deploy again, or stop the head and start it again</source>
        <translation>请查看日志，然后重新部署，或停止主节点后再启动</translation>
    </message>
    <message>
        <source>it is starting again</source>
        <translation>它正在重新启动</translation>
    </message>
    <message>
        <source>it starts again in {seconds} s</source>
        <translation>它将在 {seconds} 秒后重新启动</translation>
    </message>
    <message>
        <source>it starts again when {node} is back, or on what is left</source>
        <translation>它将在 {node} 恢复后重新启动，或在剩余设备上启动</translation>
    </message>
    <message>
        <source>was killed by signal {number} ({name})</source>
        <translation>被信号 {number}（{name}）终止</translation>
    </message>
    <message>
        <source>exited with status {status}</source>
        <translation>以状态 {status} 退出</translation>
    </message>
    <message>
        <source>sent a message that cannot be read</source>
        <translation>发来了无法读取的消息</translation>
    </message>
    <message>
        <source>gave up: {reason}</source>
        <translation>放弃了：{reason}</translation>
    </message>
    <message>
        <source>had not heard from the head</source>
        <translation>没有收到主节点的消息</translation>
    </message>
    <message>
        <source>lost its connection for a moment</source>
        <translation>短暂断开了连接</translation>
    </message>
    <message>
        <source>is out of reach: {node} {why}</source>
        <translation>无法连接：{node} {why}</translation>
    </message>
    <message>
        <source>is joining</source>
        <translation>正在加入</translation>
    </message>
    <message>
        <source>has left: {reason}</source>
        <translation>已离开：{reason}</translation>
    </message>
    <message>
        <source>has been silent for {seconds} s</source>
        <translation>已 {seconds} 秒没有消息</translation>
    </message>
    <message>
        <source>was restarted</source>
        <translation>已重新启动</translation>
    </message>
    <message>
        <source>was lost {times} times within {minutes} minutes and is left out for {pause} minutes; the last time it {why}</source>
        <translation>在 {minutes} 分钟内失联 {times} 次，将被排除 {pause} 分钟；最近一次：{why}</translation>
    </message>
    <message>
        <source>does not take what is sent to it</source>
        <translation>不接收发给它的内容</translation>
    </message>
    <message>
        <source>ended or lost its connection</source>
        <translation>已结束或断开连接</translation>
    </message>
    <message>
        <source>was removed</source>
        <translation>已被移除</translation>
    </message>
    <message>
        <source>{node} {why}</source>
        <translation>{node} {why}</translation>
    </message>
    <message>
        <source>look whether argus-node runs there and the network is up</source>
        <translation>检查那里的 argus-node 是否在运行以及网络是否通畅</translation>
    </message>
    <message>
        <source>this conversation has {count} images and videos, but at most {most} are allowed</source>
        <translation>此对话有 {count} 个图片和视频，但最多允许 {most} 个</translation>
    </message>
    <message>
        <source>this key may only watch: it may not ask questions</source>
        <translation>此密钥只能观察：不能提问</translation>
    </message>
    <message>
        <source>this key may only watch: it may not send files</source>
        <translation>此密钥只能观察：不能发送文件</translation>
    </message>
    <message>
        <source>this key may only watch: it may not deploy a model</source>
        <translation>此密钥只能观察：不能部署模型</translation>
    </message>
    <message>
        <source>this key may only watch: it may not remove machines</source>
        <translation>此密钥只能观察：不能移除机器</translation>
    </message>
    <message>
        <source>this key may only watch: it may not let machines join</source>
        <translation>此密钥只能观察：不能让机器加入</translation>
    </message>
    <message>
        <source>this key may only watch: it may not stop the head</source>
        <translation>此密钥只能观察：不能停止主节点</translation>
    </message>
    <message>
        <source>on the head, give it another role: argus-node keys allow &apos;{key}&apos; {name} --role client</source>
        <translation>在主节点上为它换一个角色：argus-node keys allow &apos;{key}&apos; {name} --role client</translation>
    </message>
    <message>
        <source>cannot create {file}: {reason}</source>
        <translation>无法创建 {file}：{reason}</translation>
    </message>
    <message>
        <source>cannot write {file}: {reason}</source>
        <translation>无法写入 {file}：{reason}</translation>
    </message>
    <message>
        <source>cannot replace {file}: {reason}</source>
        <translation>无法替换 {file}：{reason}</translation>
    </message>
    <message>
        <source>cannot inspect {file}: {reason}</source>
        <translation>无法查看 {file} 的属性：{reason}</translation>
    </message>
    <message>
        <source>cannot map {file}: {reason}</source>
        <translation>无法把 {file} 映射到内存：{reason}</translation>
    </message>
    <message>
        <source>cannot create folder {file}: {reason}</source>
        <translation>无法创建文件夹 {file}：{reason}</translation>
    </message>
    <message>
        <source>cannot protect {file}: {reason}</source>
        <translation>无法保护 {file}：{reason}</translation>
    </message>
    <message>
        <source>check the path</source>
        <translation>请检查路径</translation>
    </message>
    <message>
        <source>check the file&apos;s permissions and the disk</source>
        <translation>请检查文件的权限和磁盘</translation>
    </message>
    <message>
        <source>name a file</source>
        <translation>请指定一个文件</translation>
    </message>
    <message>
        <source>{file} has more than the {most} bytes allowed</source>
        <translation>{file} 超过了允许的 {most} 字节</translation>
    </message>
    <message>
        <source>check that this is the right file</source>
        <translation>请确认这是正确的文件</translation>
    </message>
    <message>
        <source>cannot take {size} bytes of shared memory: {reason}</source>
        <translation>无法取得 {size} 字节共享内存：{reason}</translation>
    </message>
    <message>
        <source>close other programs or ask with smaller pictures</source>
        <translation>请关闭其他程序，或换用更小的图片提问</translation>
    </message>
    <message>
        <source>{file}: {size} bytes of JSON, at most {most} are read</source>
        <translation>{file}：JSON 有 {size} 字节，最多读取 {most} 字节</translation>
    </message>
    <message>
        <source>{file}, byte {position}: {problem}</source>
        <translation>{file}，第 {position} 字节：{problem}</translation>
    </message>
    <message>
        <source>fetch the file again</source>
        <translation>请重新下载该文件</translation>
    </message>
    <message>
        <source>the file has {size} bytes, the length of the header alone takes 8 (header too small)</source>
        <translation>文件只有 {size} 字节，仅头部长度就占 8 字节（头部过短）</translation>
    </message>
    <message>
        <source>a header of {size} bytes, at most {most} are allowed (header too large)</source>
        <translation>头部有 {size} 字节，最多允许 {most} 字节（头部过长）</translation>
    </message>
    <message>
        <source>a header of {size} bytes in a file of {total} (invalid header length)</source>
        <translation>文件共 {total} 字节，头部却声明有 {size} 字节（头部长度无效）</translation>
    </message>
    <message>
        <source>tensor &quot;{tensor}&quot;: {problem}</source>
        <translation>张量“{tensor}”：{problem}</translation>
    </message>
    <message>
        <source>its dtype &quot;{type}&quot; is not one of {known}</source>
        <translation>其数据类型“{type}”不在 {known} 之中</translation>
    </message>
    <message>
        <source>{type} {shape} takes {size} bytes, its data_offsets span {span} (tensor info mismatch)</source>
        <translation>{type} {shape} 应占 {size} 字节，其 data_offsets 却跨越 {span} 字节（张量信息不一致）</translation>
    </message>
    <message>
        <source>tensor &quot;{tensor}&quot; begins at offset {begin} of the data, inside the one before it, which ends at offset {end} (invalid offset)</source>
        <translation>张量“{tensor}”从数据的偏移 {begin} 开始，落在前一个张量之内（其结尾在偏移 {end}；偏移无效）</translation>
    </message>
    <message>
        <source>tensor &quot;{tensor}&quot; begins at offset {begin} of the data, after a hole at offset {end} (invalid offset)</source>
        <translation>张量“{tensor}”从数据的偏移 {begin} 开始，之前在偏移 {end} 处有空洞（偏移无效）</translation>
    </message>
    <message>
        <source>tensor &quot;{tensor}&quot; ends at offset {end} of the data, of which the file holds {size} bytes (incomplete buffer)</source>
        <translation>张量“{tensor}”到数据的偏移 {end} 才结束，而文件只有 {size} 字节数据（文件不完整）</translation>
    </message>
    <message>
        <source>{size} bytes belong to no tensor (incomplete buffer)</source>
        <translation>有 {size} 字节不属于任何张量（文件不完整）</translation>
    </message>
    <message>
        <source>use a checkpoint with bfloat16, float16 or float32 weights</source>
        <translation>请使用权重为 bfloat16、float16 或 float32 的检查点</translation>
    </message>
    <message>
        <source>{file} has no tensor &quot;{tensor}&quot;</source>
        <translation>{file} 中没有张量“{tensor}”</translation>
    </message>
    <message>
        <source>check that this checkpoint is complete</source>
        <translation>请检查该检查点是否完整</translation>
    </message>
    <message>
        <source>save the checkpoint again with a recent safetensors</source>
        <translation>请用新版 safetensors 重新保存该检查点</translation>
    </message>
    <message>
        <source>fetch the checkpoint again</source>
        <translation>请重新下载该检查点</translation>
    </message>
    <message>
        <source>{file}: weight_map is missing or not an object</source>
        <translation>{file}：缺少 weight_map，或它不是一个对象</translation>
    </message>
    <message>
        <source>{file}: weight_map puts &quot;{tensor}&quot; into {shard}, which is not a plain file name</source>
        <translation>{file}：weight_map 把“{tensor}”放进 {shard}，而这不是一个单纯的文件名</translation>
    </message>
    <message>
        <source>{file}: weight_map names more than {most} files</source>
        <translation>{file}：weight_map 列出的文件超过 {most} 个</translation>
    </message>
    <message>
        <source>{file}: weight_map puts &quot;{tensor}&quot; into {shard}, which does not hold it</source>
        <translation>{file}：weight_map 把“{tensor}”放进 {shard}，而那里并没有它</translation>
    </message>
    <message>
        <source>{file}: &quot;{tensor}&quot; is also stored as &quot;{other}&quot; in {place}</source>
        <translation>{file}：“{tensor}”在 {place} 中还以“{other}”之名存了一份</translation>
    </message>
    <message>
        <source>{file} has not come whole from the head</source>
        <translation>{file} 还没有从主节点完整取来</translation>
    </message>
    <message>
        <source>{file} is a part of the head&apos;s copy, and {size} bytes that are needed here are not in it (the first at {position})</source>
        <translation>{file} 只是主节点副本的一部分，这里需要的 {size} 字节不在其中（第一个在 {position}）</translation>
    </message>
    <message>
        <source>deploy again: what is missing is fetched first</source>
        <translation>请重新部署：缺少的部分会先取来</translation>
    </message>
    <message>
        <source>{folder} is a part of another machine&apos;s copy, not a whole model</source>
        <translation>{folder} 是另一台机器副本的一部分，不是完整的模型</translation>
    </message>
    <message>
        <source>the checkpoint has no tensor &quot;{tensor}&quot;</source>
        <translation>检查点中没有张量“{tensor}”</translation>
    </message>
    <message>
        <source>the checkpoint with {file} has no tensor &quot;{tensor}&quot;</source>
        <translation>包含 {file} 的检查点中没有张量“{tensor}”</translation>
    </message>
    <message>
        <source>check that every file of the checkpoint is there and that config.json belongs to it</source>
        <translation>请检查该检查点的文件是否齐全，config.json 是否属于它</translation>
    </message>
    <message>
        <source>{file}: tensor &quot;{tensor}&quot; has the shape {shape}, config.json asks for {needed}</source>
        <translation>{file}：张量“{tensor}”的形状是 {shape}，config.json 要求 {needed}</translation>
    </message>
    <message>
        <source>check that config.json belongs to this checkpoint</source>
        <translation>请检查 config.json 是否属于该检查点</translation>
    </message>
    <message>
        <source>tensor {tensor} holds {type}, AWQ has {needed} there</source>
        <translation>张量 {tensor} 的类型是 {type}，AWQ 在此处应为 {needed}</translation>
    </message>
    <message>
        <source>use an AWQ checkpoint of version &quot;gemm&quot;</source>
        <translation>请使用版本为“gemm”的 AWQ 检查点</translation>
    </message>
    <message>
        <source>tensor {tensor} holds {type}; only F32, F16 and BF16 weights can be used</source>
        <translation>张量 {tensor} 的类型是 {type}；只能使用 F32、F16 和 BF16 权重</translation>
    </message>
    <message>
        <source>use the checkpoint&apos;s bfloat16 release</source>
        <translation>请使用该检查点的 bfloat16 版本</translation>
    </message>
    <message>
        <source>{count} weights of this checkpoint are too large for float16</source>
        <translation>该检查点有 {count} 个权重超出 float16 的范围</translation>
    </message>
    <message>
        <source>use dtype bfloat16 (compute capability 8.0 or later) or float32</source>
        <translation>请把 dtype 设为 bfloat16（计算能力 8.0 或更高）或 float32</translation>
    </message>
    <message>
        <source>no memory for a {type} tensor {shape} ({size} bytes)</source>
        <translation>没有内存容纳 {type} 张量 {shape}（{size} 字节）</translation>
    </message>
    <message>
        <source>choose a smaller context or a smaller model</source>
        <translation>请选择更短的上下文或更小的模型</translation>
    </message>
    <message>
        <source>{key} should be a whole number from {least} to {most}, is {value}</source>
        <translation>{key} 应为 {least} 到 {most} 的整数，实为 {value}</translation>
    </message>
    <message>
        <source>{key} should be a number from {least} to {most}, is {value}</source>
        <translation>{key} 应为 {least} 到 {most} 的数，实为 {value}</translation>
    </message>
    <message>
        <source>{key} should be true or false, is {value}</source>
        <translation>{key} 应为 true 或 false，实为 {value}</translation>
    </message>
    <message>
        <source>{key} should be text, is {value}</source>
        <translation>{key} 应为文本，实为 {value}</translation>
    </message>
    <message>
        <source>{key} should be at most {count} whole numbers from {least} to {most}, is {value}</source>
        <translation>{key} 应为最多 {count} 个 {least} 到 {most} 的整数，实为 {value}</translation>
    </message>
    <message>
        <source>{key} should be an object</source>
        <translation>{key} 应为一个对象</translation>
    </message>
    <message>
        <source>the document is not an object</source>
        <translation>文档不是一个对象</translation>
    </message>
    <message>
        <source>{key} is missing</source>
        <translation>缺少 {key}</translation>
    </message>
    <message>
        <source>{key} is {value}, only {supported} is supported</source>
        <translation>{key} 为 {value}，仅支持 {supported}</translation>
    </message>
    <message>
        <source>{key} is {value}, only {first} and {second} are supported</source>
        <translation>{key} 为 {value}，仅支持 {first} 和 {second}</translation>
    </message>
    <message>
        <source>dtype is &quot;{type}&quot;, only bfloat16, float16 and float32 are supported</source>
        <translation>dtype 为“{type}”，仅支持 bfloat16、float16 和 float32</translation>
    </message>
    <message>
        <source>{key} holds {value}, only {supported} is supported</source>
        <translation>{key} 含有 {value}，仅支持 {supported}</translation>
    </message>
    <message>
        <source>quantization_config: the weights are quantised by an unnamed method</source>
        <translation>quantization_config：权重以未注明的方法量化</translation>
    </message>
    <message>
        <source>quantization_config: the weights are quantised by &quot;{method}&quot;, only awq is supported</source>
        <translation>quantization_config：权重以“{method}”量化，仅支持 awq</translation>
    </message>
    <message>
        <source>quantization_config: AWQ with {bits} bits in groups of {group}, only 4 bits in groups of 128 are supported</source>
        <translation>quantization_config：AWQ 为 {bits} 位、每组 {group} 个，仅支持 4 位、每组 128 个</translation>
    </message>
    <message>
        <source>quantization_config: AWQ without zero points, only zero_point true is supported</source>
        <translation>quantization_config：AWQ 不带零点，仅支持 zero_point 为 true</translation>
    </message>
    <message>
        <source>quantization_config: AWQ version &quot;{version}&quot;, only &quot;gemm&quot; is supported</source>
        <translation>quantization_config：AWQ 版本为“{version}”，仅支持“gemm”</translation>
    </message>
    <message>
        <source>use an AWQ checkpoint (four bits, group_size 128, version &quot;gemm&quot;) or an unquantised one (bfloat16, float16 or float32)</source>
        <translation>请使用 AWQ 检查点（4 位，group_size 128，版本“gemm”），或未量化的检查点（bfloat16、float16 或 float32）</translation>
    </message>
    <message>
        <source>use_sliding_window is true; attention over a sliding window is not supported</source>
        <translation>use_sliding_window 为 true；不支持滑动窗口注意力</translation>
    </message>
    <message>
        <source>set use_sliding_window to false if the model was trained so, or use another checkpoint</source>
        <translation>如果模型是那样训练的，请把 use_sliding_window 设为 false，否则换用其他检查点</translation>
    </message>
    <message>
        <source>{key} is &quot;yarn&quot;; a context stretched by YaRN is not supported</source>
        <translation>{key} 为“yarn”；不支持用 YaRN 拉长的上下文</translation>
    </message>
    <message>
        <source>set it to {value} and use contexts up to max_position_embeddings</source>
        <translation>请设为 {value}，并把上下文限制在 max_position_embeddings 以内</translation>
    </message>
    <message>
        <source>use a checkpoint saved in one of these</source>
        <translation>请使用以其中一种类型保存的检查点</translation>
    </message>
    <message>
        <source>compare it with the published config.json</source>
        <translation>请与发布的 config.json 对照</translation>
    </message>
    <message>
        <source>compare it with the published file</source>
        <translation>请与发布的文件对照</translation>
    </message>
    <message>
        <source>use a published Qwen2.5-VL checkpoint or a fine-tune of one</source>
        <translation>请使用已发布的 Qwen2.5-VL 检查点或其微调版本</translation>
    </message>
    <message>
        <source>name a folder with a Qwen2.5-VL checkpoint</source>
        <translation>请指定含有 Qwen2.5-VL 检查点的文件夹</translation>
    </message>
    <message>
        <source>GPU {gpu} cannot be used: {reason}</source>
        <translation>无法使用 GPU {gpu}：{reason}</translation>
    </message>
    <message>
        <source>install a current NVIDIA driver (R525 or later for CUDA 12, R580 or later for CUDA 13), or use --device cpu</source>
        <translation>请安装新版 NVIDIA 驱动（CUDA 12 需 R525 或更高，CUDA 13 需 R580 或更高），或使用 --device cpu</translation>
    </message>
    <message>
        <source>see nvidia-smi for the GPUs of this machine, or use --device cpu</source>
        <translation>请用 nvidia-smi 查看本机的 GPU，或使用 --device cpu</translation>
    </message>
    <message>
        <source>there is no GPU {gpu}: this machine has {count}</source>
        <translation>没有 GPU {gpu}：本机共有 {count} 个</translation>
    </message>
    <message>
        <source>use device cuda:0 to cuda:{last}, or cpu</source>
        <translation>请使用设备 cuda:0 到 cuda:{last}，或 cpu</translation>
    </message>
    <message>
        <source>use another GPU, or --device cpu</source>
        <translation>请使用其他 GPU，或 --device cpu</translation>
    </message>
    <message>
        <source>{device} has no bfloat16: it came with compute capability {needed}</source>
        <translation>{device} 没有 bfloat16：计算能力 {needed} 起才有</translation>
    </message>
    <message>
        <source>{device} has {free} free, the plan needs {needed} in one piece</source>
        <translation>{device} 空闲 {free}，计划需要一整块 {needed}</translation>
    </message>
    <message>
        <source>end other programs on this GPU, or lower gpu_memory_utilization or max_model_len</source>
        <translation>请结束该 GPU 上的其他程序，或调低 gpu_memory_utilization 或 max_model_len</translation>
    </message>
    <message>
        <source>end other programs on this GPU and try again</source>
        <translation>请结束该 GPU 上的其他程序后重试</translation>
    </message>
    <message>
        <source>the GPU&apos;s memory is spoken for: {wanted} wanted, the largest free piece has {largest}, {used} of {total} are in use</source>
        <translation>显存已分配完：需要 {wanted}，最大的空闲块只有 {largest}，共 {total} 已用 {used}</translation>
    </message>
    <message>
        <source>the GPU failed: {reason}</source>
        <translation>GPU 出错：{reason}</translation>
    </message>
    <message>
        <source>cuBLASLt is missing on this machine: neither the loader nor {folder} knows {library}</source>
        <translation>本机缺少 cuBLASLt：加载器和 {folder} 都找不到 {library}</translation>
    </message>
    <message>
        <source>this machine&apos;s cuBLASLt cannot be used with this driver or build</source>
        <translation>本机的 cuBLASLt 不能与当前驱动或构建一起使用</translation>
    </message>
    <message>
        <source>install the CUDA libraries (cuBLAS 12 or 13), or put the folder of libcublasLt.so into LD_LIBRARY_PATH; without them use --device cpu</source>
        <translation>请安装 CUDA 库（cuBLAS 12 或 13），或把 libcublasLt.so 所在文件夹加入 LD_LIBRARY_PATH；没有它们时请使用 --device cpu</translation>
    </message>
    <message>
        <source>rank {rank} has lost rank {others| or }: {problem}</source>
        <translation>秩 {rank} 失去了秩 {others| 或 }：{problem}</translation>
    </message>
    <message>
        <source>look at the network between those machines: cable, switch, firewall, interface</source>
        <translation>请检查这些机器之间的网络：网线、交换机、防火墙、网络接口</translation>
    </message>
    <message>
        <source>look whether the other machines run and reach each other</source>
        <translation>请检查其他机器是否在运行、彼此能否连通</translation>
    </message>
    <message>
        <source>check that the machines reach each other on the interface named in the settings, on any port</source>
        <translation>请检查各机器能否通过设置中指定的网络接口在任意端口上互相连通</translation>
    </message>
    <message>
        <source>install the same version on every machine</source>
        <translation>请在每台机器上安装相同的版本</translation>
    </message>
    <message>
        <source>the ranks could not be connected: {reason}</source>
        <translation>各秩无法连接：{reason}</translation>
    </message>
    <message>
        <source>another rank did not come in time: nobody left &quot;{key}&quot;</source>
        <translation>另一个秩没有及时到来：没有收到“{key}”</translation>
    </message>
    <message>
        <source>the model is not loaded any more</source>
        <translation>模型已不再加载</translation>
    </message>
    <message>
        <source>this machine has no network interface &quot;{interface}&quot; with an address</source>
        <translation>本机没有带地址的网络接口“{interface}”</translation>
    </message>
    <message>
        <source>this machine does not have the address {address}</source>
        <translation>本机没有地址 {address}</translation>
    </message>
    <message>
        <source>rank {other} of {group} has another version of Gloo than rank {rank}</source>
        <translation>{group} 中秩 {other} 的 Gloo 版本与秩 {rank} 不同</translation>
    </message>
    <message>
        <source>rank {rank} of {group} cannot connect to rank {other}</source>
        <translation>{group} 中秩 {rank} 无法连接到秩 {other}</translation>
    </message>
    <message>
        <source>rank {rank} of {group} cannot connect to rank {other}: {reason}</source>
        <translation>{group} 中秩 {rank} 无法连接到秩 {other}：{reason}</translation>
    </message>
    <message>
        <source>rank {rank} of {group} waited {milliseconds} ms for the others, its limit</source>
        <translation>{group} 中秩 {rank} 等待其他秩达到了上限 {milliseconds} 毫秒</translation>
    </message>
    <message>
        <source>rank {rank} of {group} waited for the others until its limit</source>
        <translation>{group} 中秩 {rank} 等待其他秩达到了上限</translation>
    </message>
    <message>
        <source>rank {rank} of {group} lost another rank: {reason}</source>
        <translation>{group} 中秩 {rank} 失去了另一个秩：{reason}</translation>
    </message>
    <message>
        <source>{group} was aborted</source>
        <translation>{group} 已中止</translation>
    </message>
    <message>
        <source>rank {rank} of {group} has NCCL {version} and rank {other} has {theirs}</source>
        <translation>{group} 中秩 {rank} 的 NCCL 是 {version}，秩 {other} 的是 {theirs}</translation>
    </message>
    <message>
        <source>NCCL cannot open a port: {reason}</source>
        <translation>NCCL 无法打开端口：{reason}</translation>
    </message>
    <message>
        <source>rank {rank} of {group} waited for the others to connect by NCCL until its deadline</source>
        <translation>{group} 中秩 {rank} 等待其他秩通过 NCCL 连接，已到期限</translation>
    </message>
    <message>
        <source>rank {rank} of {group} could not connect to the others by NCCL: {reason}</source>
        <translation>{group} 中秩 {rank} 无法通过 NCCL 连接其他秩：{reason}</translation>
    </message>
    <message>
        <source>{operation}: NCCL did not take it in {milliseconds} ms</source>
        <translation>{operation}：NCCL 在 {milliseconds} 毫秒内没有接受</translation>
    </message>
    <message>
        <source>{operation}: rank {rank} of {group} was told by NCCL: {reason}</source>
        <translation>{operation}：{group} 中秩 {rank} 收到 NCCL 的报告：{reason}</translation>
    </message>
    <message>
        <source>{megabytes} MiB for messages between GPUs do not fit beside the model</source>
        <translation>GPU 间消息所需的 {megabytes} MiB 与模型放不到一起</translation>
    </message>
    <message>
        <source>use less of the GPU&apos;s memory for the model</source>
        <translation>请让模型少用一些显存</translation>
    </message>
    <message>
        <source>NCCL is missing on this machine: {places}</source>
        <translation>本机缺少 NCCL：{places}</translation>
    </message>
    <message>
        <source>neither the loader nor {folder} knows {library}</source>
        <translation>加载器和 {folder} 都找不到 {library}</translation>
    </message>
    <message>
        <source>this machine&apos;s NCCL is {version}; {needed} or later is needed</source>
        <translation>本机的 NCCL 是 {version}；需要 {needed} 或更高</translation>
    </message>
    <message>
        <source>this machine&apos;s NCCL lacks functions that every NCCL has</source>
        <translation>本机的 NCCL 缺少应有的函数</translation>
    </message>
    <message>
        <source>install NCCL {needed} or later (libnccl2), or put the folder of {library} into LD_LIBRARY_PATH</source>
        <translation>请安装 NCCL {needed} 或更高（libnccl2），或把 {library} 所在文件夹加入 LD_LIBRARY_PATH</translation>
    </message>
    <message>
        <source>the GPUs of the deployment did not connect in time</source>
        <translation>该部署的各 GPU 没有及时连上</translation>
    </message>
    <message>
        <source>this executor cannot share a model with others</source>
        <translation>此执行器不能与其他执行器分担一个模型</translation>
    </message>
    <message>
        <source>set tensor_parallel_size and pipeline_parallel_size to 1</source>
        <translation>请把 tensor_parallel_size 和 pipeline_parallel_size 设为 1</translation>
    </message>
    <message>
        <source>memory ran out</source>
        <translation>内存耗尽</translation>
    </message>
    <message>
        <source>close other programs, or lower max_model_len or max_num_seqs</source>
        <translation>请关闭其他程序，或调低 max_model_len 或 max_num_seqs</translation>
    </message>
    <message>
        <source>ask again; if it happens again, report it with the log</source>
        <translation>请重新提问；如果再次发生，请附上日志报告</translation>
    </message>
    <message>
        <source>rank {rank} has given no sign of life for {seconds} s</source>
        <translation>秩 {rank} 已有 {seconds} 秒没有动静</translation>
    </message>
    <message>
        <source>the device of rank {rank} has not finished a step for {seconds} s</source>
        <translation>秩 {rank} 的设备已有 {seconds} 秒没有完成一步</translation>
    </message>
    <message>
        <source>if it happens again, look at that device and its driver</source>
        <translation>如果再次发生，请检查该设备及其驱动</translation>
    </message>
    <message>
        <source>the node sent a message that this executor does not know</source>
        <translation>节点发来了此执行器不认识的消息</translation>
    </message>
    <message>
        <source>install Argus whole: its programs belong together</source>
        <translation>请完整安装百目：它的各程序须配套使用</translation>
    </message>
    <message>
        <source>restart the node</source>
        <translation>请重新启动该节点</translation>
    </message>
    <message>
        <source>restart the node; if it happens again, report it with the log</source>
        <translation>请重新启动该节点；如果再次发生，请附上日志报告</translation>
    </message>
    <message>
        <source>the picture could not be encoded: {reason}</source>
        <translation>无法编码这张图片：{reason}</translation>
    </message>
    <message>
        <source>ask with another picture</source>
        <translation>请换一张图片提问</translation>
    </message>
    <message>
        <source>the model&apos;s answer cannot be read: scores are not finite</source>
        <translation>无法读取模型的回答：得分不是有限数</translation>
    </message>
    <message>
        <source>ask again; if it happens again, check the checkpoint&apos;s files</source>
        <translation>请重新提问；如果再次发生，请检查该检查点的文件</translation>
    </message>
    <message>
        <source>the pixels of a picture did not come with it</source>
        <translation>图片到了，像素却没有一起到</translation>
    </message>
    <message>
        <source>has given no sign of life for {seconds} s</source>
        <translation>已有 {seconds} 秒没有动静</translation>
    </message>
    <message>
        <source>said nothing for {minutes} minutes while loading</source>
        <translation>加载时已有 {minutes} 分钟没有消息</translation>
    </message>
    <message>
        <source>did not finish a step within {minutes} minutes</source>
        <translation>{minutes} 分钟内没有完成一步</translation>
    </message>
    <message>
        <source>sent the result of step {step}, which is not the one that is due</source>
        <translation>发来了第 {step} 步的结果，而这不是该来的那一步</translation>
    </message>
    <message>
        <source>did not take a step</source>
        <translation>没有接受一步计算</translation>
    </message>
    <message>
        <source>cannot start {program}: {reason}</source>
        <translation>无法启动 {program}：{reason}</translation>
    </message>
    <message>
        <source>cannot make a pipe: {reason}</source>
        <translation>无法创建管道：{reason}</translation>
    </message>
    <message>
        <source>close other programs</source>
        <translation>请关闭其他程序</translation>
    </message>
    <message>
        <source>was ended because pixels {id} did not come whole</source>
        <translation>因像素 {id} 没有完整到达而被结束</translation>
    </message>
    <message>
        <source>rank {rank} of {group} has ended</source>
        <translation>{group} 中秩 {rank} 已结束</translation>
    </message>
    <message>
        <source>the other end of the channel closed its side</source>
        <translation>通道的另一端已关闭</translation>
    </message>
    <message>
        <source>the other end of the channel closed in the middle of a message</source>
        <translation>通道的另一端在消息传到一半时关闭了</translation>
    </message>
    <message>
        <source>the other end of the channel closed before it took the message</source>
        <translation>通道的另一端在收下消息之前就关闭了</translation>
    </message>
    <message>
        <source>the other end of the channel stalled while sending a message</source>
        <translation>通道的另一端在发送消息时停住了</translation>
    </message>
    <message>
        <source>the other end of the channel stalled while receiving a message</source>
        <translation>通道的另一端在接收消息时停住了</translation>
    </message>
    <message>
        <source>cannot read from the channel: {reason}</source>
        <translation>无法从通道读取：{reason}</translation>
    </message>
    <message>
        <source>cannot write to the channel: {reason}</source>
        <translation>无法写入通道：{reason}</translation>
    </message>
    <message>
        <source>a message of {size} bytes is larger than the {most} a channel carries</source>
        <translation>一条消息有 {size} 字节，大于通道能承载的 {most}</translation>
    </message>
    <message>
        <source>a message with {count} descriptors has more than the {most} a channel carries</source>
        <translation>一条消息带有 {count} 个描述符，多于通道能承载的 {most} 个</translation>
    </message>
    <message>
        <source>a message came with more descriptors than the {most} allowed, or than this process may open</source>
        <translation>一条消息带来的描述符多于允许的 {most} 个，或多于本进程可以打开的数量</translation>
    </message>
    <message>
        <source>a message announces {count} descriptors, at most {most} are allowed</source>
        <translation>一条消息声明有 {count} 个描述符，最多允许 {most} 个</translation>
    </message>
    <message>
        <source>a message announces {size} bytes, at most {most} are allowed</source>
        <translation>一条消息声明有 {size} 字节，最多允许 {most}</translation>
    </message>
    <message>
        <source>a message announces {count} descriptors and carries {there}</source>
        <translation>一条消息声明有 {count} 个描述符，实际带有 {there} 个</translation>
    </message>
    <message>
        <source>cannot make a socket pair: {reason}</source>
        <translation>无法创建套接字对：{reason}</translation>
    </message>
    <message>
        <source>cannot make an eventfd: {reason}</source>
        <translation>无法创建 eventfd：{reason}</translation>
    </message>
    <message>
        <source>the other end of the private socket does not read</source>
        <translation>专用套接字的另一端没有读取</translation>
    </message>
    <message>
        <source>the private socket: {reason}</source>
        <translation>专用套接字：{reason}</translation>
    </message>
    <message>
        <source>the other end closed the private socket</source>
        <translation>另一端关闭了专用套接字</translation>
    </message>
    <message>
        <source>nothing came over the private socket in time</source>
        <translation>专用套接字上没有按时收到任何内容</translation>
    </message>
    <message>
        <source>more than {most} bytes came over the private socket</source>
        <translation>专用套接字上收到的内容超过 {most} 字节</translation>
    </message>
    <message>
        <source>what came over the private socket is no handshake</source>
        <translation>专用套接字上收到的内容不是握手</translation>
    </message>
    <message>
        <source>the other end speaks another handshake than version {version}</source>
        <translation>另一端使用的握手不是版本 {version}</translation>
    </message>
    <message>
        <source>try again</source>
        <translation>请重试</translation>
    </message>
    <message>
        <source>the head on this computer ended before it was ready</source>
        <translation>本机的主节点在就绪之前就结束了</translation>
    </message>
    <message>
        <source>see its last lines in the log</source>
        <translation>请查看它在日志中的最后几行</translation>
    </message>
    <message>
        <source>the head on this computer did not say where it listens and who it is</source>
        <translation>本机的主节点没有说明它在哪里监听、它是谁</translation>
    </message>
    <message>
        <source>the program that started this head did not say who it is</source>
        <translation>启动这个主节点的程序没有说明它是谁</translation>
    </message>
    <message>
        <source>{file} is no key file: {what}</source>
        <translation>{file} 不是密钥文件：{what}</translation>
    </message>
    <message>
        <source>its first line is not &quot;{header}&quot;</source>
        <translation>它的第一行不是“{header}”</translation>
    </message>
    <message>
        <source>it lacks a public or a secret key of 40 Z85 characters</source>
        <translation>它缺少由 40 个 Z85 字符组成的公钥或私钥</translation>
    </message>
    <message>
        <source>its public key does not belong to its secret key</source>
        <translation>它的公钥与私钥不匹配</translation>
    </message>
    <message>
        <source>restore it from a backup, or remove it: a new identity is made, which the head must then be told to allow</source>
        <translation>请从备份中恢复，或将其删除：会生成新的身份，之后需要在主节点上允许它</translation>
    </message>
    <message>
        <source>{file} holds a secret key, but others may read it (mode {mode}, owner {owner})</source>
        <translation>{file} 中有私钥，但其他人可以读取它（权限 {mode}，所有者 {owner}）</translation>
    </message>
    <message>
        <source>chmod 600 &apos;{file}&apos;; if others were on this computer meanwhile, remove the file instead and let a new identity be made</source>
        <translation>请执行 chmod 600 &apos;{file}&apos;；如果期间有其他人使用过本机，请改为删除该文件，让系统生成新的身份</translation>
    </message>
    <message>
        <source>check the folder&apos;s permissions and the disk</source>
        <translation>请检查文件夹的权限和磁盘</translation>
    </message>
    <message>
        <source>{file} line {line}: it does not begin with a key of 40 Z85 characters</source>
        <translation>{file} 第 {line} 行：开头不是由 40 个 Z85 字符组成的密钥</translation>
    </message>
    <message>
        <source>mend or remove that line</source>
        <translation>请修正或删除该行</translation>
    </message>
    <message>
        <source>{file} line {line}: it ends with a role that this release does not know</source>
        <translation>{file} 第 {line} 行：结尾的角色是此版本不认识的</translation>
    </message>
    <message>
        <source>write role=client or role=observer, or install a newer Argus</source>
        <translation>请写 role=client 或 role=observer，或安装更新的 Argus</translation>
    </message>
    <message>
        <source>the key of &quot;{name}&quot; has {count} characters and is not one of 40 Z85 characters</source>
        <translation>“{name}”的密钥有 {count} 个字符，不是由 40 个 Z85 字符组成的密钥</translation>
    </message>
    <message>
        <source>copy the key as a whole</source>
        <translation>请完整复制密钥</translation>
    </message>
    <message>
        <source>our own key is not one of 40 Z85 characters</source>
        <translation>本机的密钥不是由 40 个 Z85 字符组成的密钥</translation>
    </message>
    <message>
        <source>restore the key file, or remove it so that a new one is made</source>
        <translation>请恢复密钥文件，或将其删除以便生成新的密钥</translation>
    </message>
    <message>
        <source>the head&apos;s key is not one of 40 Z85 characters</source>
        <translation>主节点的密钥不是由 40 个 Z85 字符组成的密钥</translation>
    </message>
    <message>
        <source>copy the key that `argus-node keys show` prints on the head</source>
        <translation>请复制在主节点上运行 argus-node keys show 所显示的密钥</translation>
    </message>
    <message>
        <source>if this goes on after a restart of the head, libzmq is broken: install Debian&apos;s libzmq5</source>
        <translation>如果重启主节点后仍然如此，说明 libzmq 已损坏：请安装 Debian 的 libzmq5</translation>
    </message>
    <message>
        <source>&quot;{address}&quot; is no address of a head</source>
        <translation>“{address}”不是主节点的地址</translation>
    </message>
    <message>
        <source>cannot use the address {address}: {reason}</source>
        <translation>无法使用地址 {address}：{reason}</translation>
    </message>
    <message>
        <source>write it as tcp://HOST:PORT</source>
        <translation>请写成 tcp://主机:端口</translation>
    </message>
    <message>
        <source>the port of {address} is taken by another program</source>
        <translation>{address} 的端口已被另一个程序占用</translation>
    </message>
    <message>
        <source>choose another port, or stop that program</source>
        <translation>请换一个端口，或停止那个程序</translation>
    </message>
    <message>
        <source>cannot listen on {address}: {reason}</source>
        <translation>无法在 {address} 上监听：{reason}</translation>
    </message>
    <message>
        <source>use tcp://ADDRESS:PORT with an address of this computer, or tcp://*:PORT</source>
        <translation>请使用带有本机地址的 tcp://地址:端口，或 tcp://*:端口</translation>
    </message>
    <message>
        <source>a message has {size} bytes, at most {most} are allowed</source>
        <translation>一条消息有 {size} 字节，最多允许 {most}</translation>
    </message>
    <message>
        <source>send less at once</source>
        <translation>请减少一次发送的内容</translation>
    </message>
    <message>
        <source>{size} bytes came that are no message of Argus</source>
        <translation>收到的 {size} 字节不是 Argus 的消息</translation>
    </message>
    <message>
        <source>{other} speaks version {version} of the protocol, this program version {own}</source>
        <translation>{other}使用协议版本 {version}，本程序使用版本 {own}</translation>
    </message>
    <message>
        <source>the other side</source>
        <translation>对方</translation>
    </message>
    <message>
        <source>the head</source>
        <translation>主节点</translation>
    </message>
    <message>
        <source>the worker</source>
        <translation>工作节点</translation>
    </message>
    <message>
        <source>the machine that wants to join</source>
        <translation>想要加入的机器</translation>
    </message>
    <message>
        <source>use programs of one release on both sides</source>
        <translation>请在双方使用同一版本的程序</translation>
    </message>
    <message>
        <source>use programs of one release on all machines</source>
        <translation>请在所有机器上使用同一版本的程序</translation>
    </message>
    <message>
        <source>install the same release of Argus on this computer and on the head</source>
        <translation>请在本机和主节点上安装同一版本的 Argus</translation>
    </message>
    <message>
        <source>install the same release of Argus on all machines</source>
        <translation>请在所有机器上安装同一版本的 Argus</translation>
    </message>
    <message>
        <source>&quot;{text}&quot; is no line to join with: {what}</source>
        <translation>“{text}”不是可用来加入的命令：{what}</translation>
    </message>
    <message>
        <source>it does not begin with argus://</source>
        <translation>它不是以 argus:// 开头</translation>
    </message>
    <message>
        <source>the code after # is missing (in a shell, put the line into quotes)</source>
        <translation>缺少 # 之后的代码（在 shell 中请把整行放进引号）</translation>
    </message>
    <message>
        <source>it has no HOST:PORT</source>
        <translation>其中没有“主机:端口”</translation>
    </message>
    <message>
        <source>its port is no number up to 65535</source>
        <translation>其中的端口不是不大于 65535 的数字</translation>
    </message>
    <message>
        <source>its code is not one of 26 letters and digits</source>
        <translation>其中的代码不是由 26 个字母和数字组成</translation>
    </message>
    <message>
        <source>paste the whole line that the head shows: argus://HOST:PORT#CODE</source>
        <translation>请完整粘贴主节点显示的内容：argus://主机:端口#代码</translation>
    </message>
    <message>
        <source>the head at {address} does not take this code</source>
        <translation>{address} 上的主节点不接受此代码</translation>
    </message>
    <message>
        <source>a code pairs one machine and is valid for 15 minutes: make a new line on the head with &quot;argus-node join-line&quot; or Add worker in the desktop</source>
        <translation>一个代码只能配对一台机器，有效期为 15 分钟：请在主节点上用 argus-node join-line 或桌面程序的“添加工作节点”生成新的加入命令</translation>
    </message>
    <message>
        <source>the head at {address} did not answer</source>
        <translation>{address} 上的主节点没有应答</translation>
    </message>
    <message>
        <source>try again with a new line</source>
        <translation>请用新的加入命令重试</translation>
    </message>
    <message>
        <source>check that the head runs, that its code is not older than 15 minutes, and that a firewall lets TCP {first} to {last} through</source>
        <translation>请检查主节点是否在运行、其代码是否未超过 15 分钟，以及防火墙是否放行 TCP {first} 到 {last}</translation>
    </message>
    <message>
        <source>{node} runs Argus {version}, this head {needed}</source>
        <translation>{node} 运行 Argus {version}，此主节点运行 {needed}</translation>
    </message>
    <message>
        <source>VER-01: {node} runs Argus {version}, the head {needed}</source>
        <translation>VER-01：{node} 运行 Argus {version}，主节点运行 {needed}</translation>
    </message>
    <message>
        <source>install the same release on both machines</source>
        <translation>请在两台机器上安装同一版本</translation>
    </message>
    <message>
        <source>this node was removed from the cluster</source>
        <translation>此节点已从集群中移除</translation>
    </message>
    <message>
        <source>join again with a new line of the head</source>
        <translation>请用主节点给出的新命令重新加入</translation>
    </message>
    <message>
        <source>the head does not know this node (any more)</source>
        <translation>主节点不认识（或不再认识）此节点</translation>
    </message>
    <message>
        <source>join again with a new line: argus-node start --join LINE</source>
        <translation>请用新的命令重新加入：argus-node start --join 命令</translation>
    </message>
    <message>
        <source>this head has {count} workers, no more are taken</source>
        <translation>此主节点已有 {count} 个工作节点，不再接受更多</translation>
    </message>
    <message>
        <source>remove one that is not used</source>
        <translation>请移除一个不用的</translation>
    </message>
    <message>
        <source>no upload {digest} is open in this session</source>
        <translation>此会话中没有正在进行的上传 {digest}</translation>
    </message>
    <message>
        <source>begin the upload again</source>
        <translation>请重新开始上传</translation>
    </message>
    <message>
        <source>a chunk has 1 to {most} bytes, this one {size}</source>
        <translation>一块应有 1 到 {most} 字节，这一块有 {size}</translation>
    </message>
    <message>
        <source>chunk at {offset} with {size} bytes reaches beyond the file&apos;s {total}</source>
        <translation>位于 {offset}、有 {size} 字节的块超出了文件的 {total} 字节</translation>
    </message>
    <message>
        <source>chunk at {offset} where {due} was due</source>
        <translation>收到的块位于 {offset}，应位于 {due}</translation>
    </message>
    <message>
        <source>another head uses {folder}</source>
        <translation>另一个主节点正在使用 {folder}</translation>
    </message>
    <message>
        <source>stop that head, or give this one a folder of its own</source>
        <translation>请停止那个主节点，或给此主节点单独的文件夹</translation>
    </message>
    <message>
        <source>a digest has {needed} bytes, this one {size}</source>
        <translation>摘要应有 {needed} 字节，这一个有 {size}</translation>
    </message>
    <message>
        <source>send the file&apos;s SHA-256</source>
        <translation>请发送文件的 SHA-256</translation>
    </message>
    <message>
        <source>{file} is not there</source>
        <translation>{file} 不存在</translation>
    </message>
    <message>
        <source>copy the whole folder of the checkpoint, or let this machine pull it from the head</source>
        <translation>请复制检查点的整个文件夹，或让这台机器从主节点获取</translation>
    </message>
    <message>
        <source>copy the checkpoint there, name another folder, or let this machine pull it from the head</source>
        <translation>请把检查点复制到那里，指定另一个文件夹，或让这台机器从主节点获取</translation>
    </message>
    <message>
        <source>reading the model was stopped</source>
        <translation>读取模型的过程已停止</translation>
    </message>
    <message>
        <source>{file} is not the list it should be</source>
        <translation>{file} 不是应有的清单</translation>
    </message>
    <message>
        <source>deploy again: it is made or fetched anew</source>
        <translation>请重新部署：它会重新生成或获取</translation>
    </message>
    <message>
        <source>{file} cannot be understood: {reason}</source>
        <translation>无法理解 {file}：{reason}</translation>
    </message>
    <message>
        <source>identity, size or there is missing</source>
        <translation>缺少 identity、size 或 there</translation>
    </message>
    <message>
        <source>identity is no SHA-256</source>
        <translation>identity 不是 SHA-256</translation>
    </message>
    <message>
        <source>there is no list of ranges of the file</source>
        <translation>there 不是该文件的范围列表</translation>
    </message>
    <message>
        <source>deploy again: the file is fetched anew; in a folder of your own, copy the model there again</source>
        <translation>请重新部署：该文件会重新获取；若是您自己的文件夹，请重新把模型复制到那里</translation>
    </message>
    <message>
        <source>the disk is full</source>
        <translation>磁盘已满</translation>
    </message>
    <message>
        <source>make room there, or look at the disk and its permissions, and deploy again: what has come is kept</source>
        <translation>请在那里腾出空间，或检查磁盘及其权限，然后重新部署：已获取的内容会保留</translation>
    </message>
    <message>
        <source>{file} did not come as the head has it</source>
        <translation>收到的 {file} 与主节点上的不一致</translation>
    </message>
    <message>
        <source>the list of blocks of {file} did not come as the head has it</source>
        <translation>收到的 {file} 的块清单与主节点上的不一致</translation>
    </message>
    <message>
        <source>the block at {offset} of {file} did not come as the head has it</source>
        <translation>收到的 {offset} 处的块（属于 {file}）与主节点上的不一致</translation>
    </message>
    <message>
        <source>deploy again: it is fetched anew; if that does not help, look at the head&apos;s disk and memory</source>
        <translation>请重新部署：它会重新获取；如果没有用，请检查主节点的磁盘和内存</translation>
    </message>
    <message>
        <source>{file} comes in pieces that do not fit</source>
        <translation>{file} 传来的各段彼此不吻合</translation>
    </message>
    <message>
        <source>deploy again</source>
        <translation>请重新部署</translation>
    </message>
    <message>
        <source>the head cannot read {file} any more</source>
        <translation>主节点无法再读取 {file}</translation>
    </message>
    <message>
        <source>cannot lock {file}: {reason}</source>
        <translation>无法锁定 {file}：{reason}</translation>
    </message>
    <message>
        <source>make room there, check the permissions of its folder, and that its file system has locks</source>
        <translation>请在那里腾出空间，检查其文件夹的权限，以及其文件系统是否支持锁</translation>
    </message>
    <message>
        <source>{folder} is being removed at this moment</source>
        <translation>{folder} 此刻正在被删除</translation>
    </message>
    <message>
        <source>deploy again: it is fetched anew</source>
        <translation>请重新部署：它会重新获取</translation>
    </message>
    <message>
        <source>{model} is being fetched by argus-node on this machine</source>
        <translation>本机的 argus-node 正在获取 {model}</translation>
    </message>
    <message>
        <source>wait until its deployment is ready, deploy another model, or end argus-node on this machine, and try again</source>
        <translation>请等到其部署就绪，或部署另一个模型，或结束本机的 argus-node，然后重试</translation>
    </message>
    <message>
        <source>{model} is in use: the head&apos;s deployment has ranks on this machine that read it, or is about to start them</source>
        <translation>{model} 正在使用中：主节点的部署在本机有读取它的秩，或即将启动它们</translation>
    </message>
    <message>
        <source>deploy another model, or end argus-node on this machine, and try again</source>
        <translation>请部署另一个模型，或结束本机的 argus-node，然后重试</translation>
    </message>
    <message>
        <source>{name} is {value}</source>
        <translation>{name} 为 {value}</translation>
    </message>
    <message>
        <source>use a value of at least {least} and at most {most}</source>
        <translation>请使用不小于 {least} 且不大于 {most} 的值</translation>
    </message>
    <message>
        <source>use a value above {least} and at most {most}</source>
        <translation>请使用大于 {least} 且不大于 {most} 的值</translation>
    </message>
    <message>
        <source>the conversation has {count} tokens, but the context holds {most} with the answer</source>
        <translation>对话有 {count} 个词元，而上下文连同回答只能容纳 {most} 个</translation>
    </message>
    <message>
        <source>use fewer or smaller pictures and clips, clear the history, or start the model with a larger max_model_len</source>
        <translation>请减少或缩小图片和视频，清空历史，或以更大的 max_model_len 启动模型</translation>
    </message>
    <message>
        <source>max_tokens {answer} and the conversation&apos;s {count} tokens exceed the context of {most}</source>
        <translation>max_tokens {answer} 加上对话的 {count} 个词元超出了 {most} 的上下文</translation>
    </message>
    <message>
        <source>use max_tokens {most} or less, or start the model with a larger max_model_len</source>
        <translation>请把 max_tokens 设为 {most} 或更小，或以更大的 max_model_len 启动模型</translation>
    </message>
    <message>
        <source>the NVIDIA driver cannot start: {reason}</source>
        <translation>NVIDIA 驱动无法启动：{reason}</translation>
    </message>
    <message>
        <source>the NVIDIA driver cannot count the GPUs: {reason}</source>
        <translation>NVIDIA 驱动无法统计 GPU 数量：{reason}</translation>
    </message>
    <message>
        <source>see what nvidia-smi says, restart the computer after an update of the driver</source>
        <translation>请查看 nvidia-smi 的输出；更新驱动后请重启计算机</translation>
    </message>
    <message>
        <source>{folder} is not a folder of this user</source>
        <translation>{folder} 不是此用户的文件夹</translation>
    </message>
    <message>
        <source>remove it, or set ARGUS_RUNTIME_DIR and ARGUS_CONFIG_HOME to folders of yours</source>
        <translation>请将其删除，或把 ARGUS_RUNTIME_DIR 和 ARGUS_CONFIG_HOME 设为您自己的文件夹</translation>
    </message>
    <message>
        <source>no resources folder belongs to {folder}</source>
        <translation>{folder} 没有对应的资源文件夹</translation>
    </message>
    <message>
        <source>install Argus whole, or set ARGUS_RESOURCES to the folder that holds demo-model/</source>
        <translation>请完整安装 Argus，或把 ARGUS_RESOURCES 设为包含 demo-model/ 的文件夹</translation>
    </message>
    <message>
        <source>cannot map {size} bytes of shared memory: {reason}</source>
        <translation>无法映射 {size} 字节的共享内存：{reason}</translation>
    </message>
    <message>
        <source>free some memory</source>
        <translation>请释放一些内存</translation>
    </message>
    <message>
        <source>cannot keep {size} bytes of pixels in memory: {reason}</source>
        <translation>无法在内存中保存 {size} 字节的像素：{reason}</translation>
    </message>
    <message>
        <source>free some memory, or ask about a smaller file</source>
        <translation>请释放一些内存，或就更小的文件提问</translation>
    </message>
    <message>
        <source>cannot look at pixels in memory: {reason}</source>
        <translation>无法查看内存中的像素：{reason}</translation>
    </message>
    <message>
        <source>cannot clear pixels in memory: {reason}</source>
        <translation>无法清除内存中的像素：{reason}</translation>
    </message>
    <message>
        <source>cannot look at shared pixels: {reason}</source>
        <translation>无法查看共享的像素：{reason}</translation>
    </message>
    <message>
        <source>cannot read shared pixels: {reason}</source>
        <translation>无法读取共享的像素：{reason}</translation>
    </message>
    <message>
        <source>preprocessor_config.json: {key} should be a number from {least} to {most}</source>
        <translation>preprocessor_config.json：{key} 应为 {least} 到 {most} 之间的数字</translation>
    </message>
    <message>
        <source>preprocessor_config.json: {key} should be a list of three numbers</source>
        <translation>preprocessor_config.json：{key} 应为三个数字的列表</translation>
    </message>
    <message>
        <source>preprocessor_config.json: the file is not a JSON object</source>
        <translation>preprocessor_config.json：该文件不是 JSON 对象</translation>
    </message>
    <message>
        <source>preprocessor_config.json: min_pixels ({least}) is more than max_pixels ({most})</source>
        <translation>preprocessor_config.json：min_pixels（{least}）大于 max_pixels（{most}）</translation>
    </message>
    <message>
        <source>take the file from the model&apos;s original folder</source>
        <translation>请从模型原来的文件夹中取用该文件</translation>
    </message>
    <message>
        <source>fetch the tokenizer files again</source>
        <translation>请重新获取分词器文件</translation>
    </message>
    <message>
        <source>use the tokenizer files published with Qwen2.5-VL</source>
        <translation>请使用随 Qwen2.5-VL 发布的分词器文件</translation>
    </message>
    <message>
        <source>fetch the tokenizer files into that folder</source>
        <translation>请把分词器文件获取到该文件夹</translation>
    </message>
    <message>
        <source>the vocabulary is not an object</source>
        <translation>词表不是对象</translation>
    </message>
    <message>
        <source>the vocabulary is empty</source>
        <translation>词表为空</translation>
    </message>
    <message>
        <source>the id of the token &quot;{token}&quot; is not a whole number</source>
        <translation>词元“{token}”的编号不是整数</translation>
    </message>
    <message>
        <source>the token &quot;{token}&quot; has the id {id}, allowed are 0 to {most}</source>
        <translation>词元“{token}”的编号为 {id}，允许 0 到 {most}</translation>
    </message>
    <message>
        <source>the id {id} belongs to &quot;{token}&quot; and to &quot;{other}&quot;</source>
        <translation>编号 {id} 同时属于“{token}”和“{other}”</translation>
    </message>
    <message>
        <source>the token {id} is empty</source>
        <translation>词元 {id} 为空</translation>
    </message>
    <message>
        <source>the vocabulary has no token for the byte {byte}</source>
        <translation>词表中没有表示字节 {byte} 的词元</translation>
    </message>
    <message>
        <source>model.merges is missing or empty</source>
        <translation>model.merges 缺失或为空</translation>
    </message>
    <message>
        <source>there are no merges</source>
        <translation>没有任何合并规则</translation>
    </message>
    <message>
        <source>there are no merges in it</source>
        <translation>其中没有任何合并规则</translation>
    </message>
    <message>
        <source>merge {number} of model.merges is not two pieces</source>
        <translation>model.merges 的第 {number} 条合并规则不是两段</translation>
    </message>
    <message>
        <source>line {line} is not two pieces with a blank between them</source>
        <translation>第 {line} 行不是以空格隔开的两段</translation>
    </message>
    <message>
        <source>merge {number} (&quot;{left}&quot; with &quot;{right}&quot;): {what} is not in the vocabulary</source>
        <translation>合并规则 {number}（“{left}”与“{right}”）：{what}不在词表中</translation>
    </message>
    <message>
        <source>the left piece</source>
        <translation>左边的一段</translation>
    </message>
    <message>
        <source>the right piece</source>
        <translation>右边的一段</translation>
    </message>
    <message>
        <source>what they make</source>
        <translation>合并的结果</translation>
    </message>
    <message>
        <source>merge {number} (&quot;{left}&quot; with &quot;{right}&quot;) repeats merge {other}</source>
        <translation>合并规则 {number}（“{left}”与“{right}”）重复了合并规则 {other}</translation>
    </message>
    <message>
        <source>an added token needs an id, a content that is not empty, and `special` as true or false</source>
        <translation>附加词元需要编号、不为空的内容，以及取值为 true 或 false 的 special</translation>
    </message>
    <message>
        <source>the added token &quot;{token}&quot; sets {flag}</source>
        <translation>附加词元“{token}”设置了 {flag}</translation>
    </message>
    <message>
        <source>the id {id} belongs to the added token &quot;{token}&quot; and to &quot;{other}&quot;</source>
        <translation>编号 {id} 同时属于附加词元“{token}”和“{other}”</translation>
    </message>
    <message>
        <source>the added token &quot;{token}&quot; has two ids</source>
        <translation>附加词元“{token}”有两个编号</translation>
    </message>
    <message>
        <source>the added token &quot;{token}&quot; has the id {id}, allowed are 0 to {most}</source>
        <translation>附加词元“{token}”的编号为 {id}，允许 0 到 {most}</translation>
    </message>
    <message>
        <source>added_tokens is not a list of at most {most}</source>
        <translation>added_tokens 不是至多 {most} 项的列表</translation>
    </message>
    <message>
        <source>added_tokens_decoder is not an object with at most {most} tokens</source>
        <translation>added_tokens_decoder 不是至多含 {most} 个词元的对象</translation>
    </message>
    <message>
        <source>normalizer is {value}, only NFC is supported</source>
        <translation>normalizer 为 {value}，只支持 NFC</translation>
    </message>
    <message>
        <source>pre_tokenizer is not a Sequence of Split and ByteLevel</source>
        <translation>pre_tokenizer 不是由 Split 和 ByteLevel 组成的 Sequence</translation>
    </message>
    <message>
        <source>pre_tokenizer splits by {value}, only Qwen2&apos;s expression is supported</source>
        <translation>pre_tokenizer 按 {value} 切分，只支持 Qwen2 的表达式</translation>
    </message>
    <message>
        <source>pre_tokenizer is not Split (isolated) followed by ByteLevel without a prefix or an expression of its own</source>
        <translation>pre_tokenizer 不是 Split（isolated）之后接没有前缀和自带表达式的 ByteLevel</translation>
    </message>
    <message>
        <source>model.type is {value}, only &quot;BPE&quot; is supported</source>
        <translation>model.type 为 {value}，只支持 &quot;BPE&quot;</translation>
    </message>
    <message>
        <source>model sets one of dropout, continuing_subword_prefix, end_of_word_suffix, byte_fallback, ignore_merges</source>
        <translation>model 设置了 dropout、continuing_subword_prefix、end_of_word_suffix、byte_fallback、ignore_merges 之一</translation>
    </message>
    <message>
        <source>no tokenizer.json, and {problem}</source>
        <translation>没有 tokenizer.json，而且{problem}</translation>
    </message>
    <message>
        <source>the tokenizer has no token {token}, which the chat template needs</source>
        <translation>分词器没有对话模板需要的词元 {token}</translation>
    </message>
</context>
<context>
    <name>SettingTexts</name>
    <message>
        <source>automatic</source>
        <comment>value of a setting</comment>
        <translation>自动</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Tensor parallel</source>
        <translation>张量并行</translation>
    </message>
    <message>
        <source>Pipeline parallel</source>
        <translation>流水线并行</translation>
    </message>
    <message>
        <source>Share of memory</source>
        <translation>内存占用比例</translation>
    </message>
    <message>
        <source>Longest context</source>
        <translation>最长上下文</translation>
    </message>
    <message>
        <source>Questions at once</source>
        <translation>同时回答数</translation>
    </message>
    <message>
        <source>Kernel by kernel</source>
        <translation>逐个内核执行</translation>
    </message>
    <message>
        <source>Layers of each stage</source>
        <translation>各阶段的层数</translation>
    </message>
    <message>
        <source>Weights</source>
        <translation>权重</translation>
    </message>
    <message>
        <source>Machines</source>
        <translation>机器</translation>
    </message>
    <message>
        <source>Devices</source>
        <translation>设备</translation>
    </message>
    <message>
        <source>Network interface</source>
        <translation>网络接口</translation>
    </message>
    <message>
        <source>Folder of the checkpoint; empty for the built-in demo model.</source>
        <translation>检查点所在文件夹；留空则使用内置演示模型。</translation>
    </message>
    <message>
        <source>Devices of one machine that share every layer.</source>
        <translation>同一台机器上共同计算每一层的设备数。</translation>
    </message>
    <message>
        <source>Groups of devices that each hold some of the layers.</source>
        <translation>各自保存一部分层的设备组数。</translation>
    </message>
    <message>
        <source>Of the computation; automatic takes what the devices compute best with.</source>
        <translation>计算所用的精度；自动时选择设备最擅长的。</translation>
    </message>
    <message>
        <source>Of a device&apos;s memory that Argus may use; on a CPU of what is free at the start.</source>
        <translation>百目可以使用的设备内存比例；CPU 上按启动时的空闲内存计算。</translation>
    </message>
    <message>
        <source>Tokens of question and answer together.</source>
        <translation>问题与回答合计的词元数。</translation>
    </message>
    <message>
        <source>Answered at the same time; more wait in a queue.</source>
        <translation>可同时回答的问题数；更多的问题会排队。</translation>
    </message>
    <message>
        <source>Run every step kernel by kernel instead of replaying recorded ones.</source>
        <translation>每一步都逐个执行内核，而不是重放录制好的内核。</translation>
    </message>
    <message>
        <source>Such as 20,16; empty to share them by memory and speed.</source>
        <translation>例如 20,16；留空则按内存和速度分配。</translation>
    </message>
    <message>
        <source>Devices of this machine that may compute.</source>
        <translation>这台机器上可以参与计算的设备。</translation>
    </message>
    <message>
        <source>Over which this machine reaches the others.</source>
        <translation>这台机器通过它连接其他机器。</translation>
    </message>
    <message>
        <source>the demo model</source>
        <translation>演示模型</translation>
    </message>
    <message>
        <source>on</source>
        <translation>开</translation>
    </message>
    <message>
        <source>off</source>
        <translation>关</translation>
    </message>
    <message>
        <source>none</source>
        <comment>devices</comment>
        <translation>无</translation>
    </message>
    <message>
        <source>%1: set “%2” to %3</source>
        <extracomment>a button: machine, setting and new value</extracomment>
        <translation>%1：将“%2”设为 %3</translation>
    </message>
    <message>
        <source>Set “%1” to %2</source>
        <extracomment>a button: setting and new value</extracomment>
        <translation>将“%1”设为 %2</translation>
    </message>
    <message>
        <source>Tensor parallel does not fit the model</source>
        <translation>张量并行数与模型不符</translation>
    </message>
    <message>
        <source>Not enough devices</source>
        <translation>设备不足</translation>
    </message>
    <message>
        <source>Not enough memory</source>
        <translation>内存不足</translation>
    </message>
    <message>
        <source>Another program uses a device</source>
        <translation>有设备被其他程序占用</translation>
    </message>
    <message>
        <source>The model is not there</source>
        <translation>找不到模型</translation>
    </message>
    <message>
        <source>The model differs between machines</source>
        <translation>各机器上的模型不一致</translation>
    </message>
    <message>
        <source>The model is incomplete</source>
        <translation>模型不完整</translation>
    </message>
    <message>
        <source>This model cannot be served</source>
        <translation>无法使用此模型</translation>
    </message>
    <message>
        <source>How the model is shared</source>
        <translation>模型的切分方式</translation>
    </message>
    <message>
        <source>The model&apos;s files</source>
        <translation>模型文件</translation>
    </message>
    <message>
        <source>Network between the machines</source>
        <translation>机器之间的网络</translation>
    </message>
    <message>
        <source>Versions differ</source>
        <translation>版本不一致</translation>
    </message>
    <message>
        <source>A device</source>
        <translation>设备</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>内存</translation>
    </message>
    <message>
        <source>Space on a disk</source>
        <translation>磁盘空间</translation>
    </message>
    <message>
        <source>A machine&apos;s system</source>
        <translation>机器的系统</translation>
    </message>
    <message>
        <source>A setting&apos;s value</source>
        <translation>设置的值</translation>
    </message>
    <message>
        <source>Good to know</source>
        <translation>值得留意</translation>
    </message>
    <message>
        <source>This stands in the way</source>
        <translation>存在障碍</translation>
    </message>
    <message>
        <source>Precision</source>
        <translation>精度</translation>
    </message>
    <message>
        <source>A device cannot compute with this precision</source>
        <translation>有设备不支持此精度</translation>
    </message>
    <message>
        <source>Computes on</source>
        <translation>计算设备</translation>
    </message>
    <message>
        <source>Tokens of a step</source>
        <translation>每步词元数</translation>
    </message>
    <message>
        <source>Dummy weights are invented, to measure speed without the checkpoint&apos;s.</source>
        <translation>dummy 表示虚构权重，用于在没有检查点权重时测速。</translation>
    </message>
    <message>
        <source>Automatic takes GPUs where there are any.</source>
        <translation>自动时优先使用 GPU。</translation>
    </message>
    <message>
        <source>Longer questions are read in pieces of this size.</source>
        <translation>较长的问题按此大小分段读取。</translation>
    </message>
    <message>
        <source>Tensor parallel does not fit the quantized weights</source>
        <translation>张量并行数与量化权重不符</translation>
    </message>
    <message>
        <source>Layers of the stages</source>
        <translation>各阶段的层</translation>
    </message>
    <message>
        <source>A machine does not answer</source>
        <translation>有机器没有响应</translation>
    </message>
    <message>
        <source>A slow link</source>
        <translation>链路较慢</translation>
    </message>
    <message>
        <source>A public address</source>
        <translation>公网地址</translation>
    </message>
    <message>
        <source>Not enough space on a disk</source>
        <translation>磁盘空间不足</translation>
    </message>
</context>
<context>
    <name>argus::gui::AddWorkerDialog</name>
    <message>
        <source>New line</source>
        <translation>换一行命令</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>重试</translation>
    </message>
    <message>
        <source>Asking the head…</source>
        <translation>正在询问主节点…</translation>
    </message>
    <message>
        <source>This line has expired. Make a new one.</source>
        <translation>这行命令已过期，请换一行。</translation>
    </message>
    <message>
        <source>Good for another %1.</source>
        <translation>还可使用 %1。</translation>
    </message>
    <message>
        <source>%1 min %2 s</source>
        <translation>%1 分 %2 秒</translation>
    </message>
    <message numerus="yes">
        <source>%Ln device(s)</source>
        <comment>of a machine that has joined</comment>
        <translation>
            <numerusform>%Ln 个设备</numerusform>
        </translation>
    </message>
    <message>
        <source>Add worker</source>
        <translation>添加工作节点</translation>
    </message>
    <message>
        <source>Paste this line into a terminal of the other machine, where Argus has to be installed. It starts Argus there, and that machine computes for this cluster from then on.</source>
        <translation>把这行命令粘贴到另一台机器的终端里（那里需要已安装百目）。它会在那台机器上启动百目，此后那台机器就会参与本集群的计算。</translation>
    </message>
    <message>
        <source>Line for the other machine</source>
        <translation>用于另一台机器的命令</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>复制</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>关闭</translation>
    </message>
    <message>
        <source>Joined since this was opened</source>
        <translation>打开此窗口后加入的机器</translation>
    </message>
    <message>
        <source>Waiting for a machine…</source>
        <translation>正在等待机器加入…</translation>
    </message>
</context>
<context>
    <name>argus::gui::AnswerWidget</name>
    <message>
        <source>Answer</source>
        <translation>回答</translation>
    </message>
    <message>
        <source>Sending…</source>
        <translation>正在发送…</translation>
    </message>
    <message>
        <source>Waiting: number %1 in line</source>
        <translation>排队中：第 %1 位</translation>
    </message>
    <message>
        <source>Waiting for its turn…</source>
        <translation>正在排队…</translation>
    </message>
    <message>
        <source>Looking at attachment %1 of %2…</source>
        <translation>正在读取附件 %1 / %2…</translation>
    </message>
    <message>
        <source>Looking at the attachment…</source>
        <translation>正在读取附件…</translation>
    </message>
    <message>
        <source>Reading the prompt: %1 of %2 tokens</source>
        <translation>正在读取提示：%1 / %2 词元</translation>
    </message>
    <message>
        <source>Reading the prompt…</source>
        <translation>正在读取提示…</translation>
    </message>
    <message>
        <source>Answering…</source>
        <translation>正在回答…</translation>
    </message>
    <message>
        <source>Stopped</source>
        <translation>已停止</translation>
    </message>
    <message>
        <source>Cut off at the longest answer allowed</source>
        <translation>已达到回答长度上限</translation>
    </message>
    <message>
        <source>first token after %1 s</source>
        <translation>首词元延迟 %1 秒</translation>
    </message>
    <message>
        <source>%1 tokens/s</source>
        <translation>%1 词元/秒</translation>
    </message>
    <message numerus="yes">
        <source>%Ln token(s)</source>
        <comment>length of the answer</comment>
        <translation>
            <numerusform>%Ln 词元</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>prompt %Ln token(s)</source>
        <comment>length of the prompt</comment>
        <translation>
            <numerusform>提示 %Ln 词元</numerusform>
        </translation>
    </message>
    <message>
        <source>Argus</source>
        <translation>百目</translation>
    </message>
    <message>
        <source>Copy answer</source>
        <translation>复制回答</translation>
    </message>
</context>
<context>
    <name>argus::gui::ApplyBar</name>
    <message>
        <source>%1: %2 → %3</source>
        <extracomment>a changed setting, its value before and after</extracomment>
        <translation>%1：%2 → %3</translation>
    </message>
    <message>
        <source>The engine restarts with these settings.</source>
        <translation>引擎将以这些设置重新启动。</translation>
    </message>
    <message>
        <source>The engine restarts with these settings on %1.</source>
        <translation>引擎将以这些设置在 %1 上重新启动。</translation>
    </message>
    <message>
        <source>, </source>
        <comment>between names of machines</comment>
        <translation>、</translation>
    </message>
    <message>
        <source>No question is being answered.</source>
        <translation>目前没有正在回答的问题。</translation>
    </message>
    <message numerus="yes">
        <source>%Ln question(s) will pause and go on with the new settings.</source>
        <comment>before a restart</comment>
        <translation>
            <numerusform>%Ln 个问题会暂停，并在新设置下继续。</numerusform>
        </translation>
    </message>
    <message>
        <source>The head does not answer.</source>
        <translation>主节点没有响应。</translation>
    </message>
    <message>
        <source>Nothing has changed.</source>
        <translation>没有改动。</translation>
    </message>
    <message>
        <source>These settings are being checked.</source>
        <translation>正在检查这些设置。</translation>
    </message>
    <message>
        <source>These settings are not possible.</source>
        <translation>这些设置不可行。</translation>
    </message>
    <message>
        <source>The engine is being started.</source>
        <translation>引擎正在启动。</translation>
    </message>
    <message>
        <source>Revert</source>
        <translation>还原</translation>
    </message>
    <message>
        <source>Back to what runs</source>
        <translation>恢复为正在运行的设置</translation>
    </message>
    <message>
        <source>Apply…</source>
        <translation>应用…</translation>
    </message>
    <message>
        <source>Start…</source>
        <translation>启动…</translation>
    </message>
    <message>
        <source>Restart now</source>
        <translation>立即重新启动</translation>
    </message>
    <message>
        <source>Not now</source>
        <translation>暂不</translation>
    </message>
</context>
<context>
    <name>argus::gui::AttachmentChip</name>
    <message>
        <source>Sending to the head…</source>
        <translation>正在发送到主节点…</translation>
    </message>
    <message>
        <source>Looking at it…</source>
        <translation>正在读取…</translation>
    </message>
    <message>
        <source>Remove %1</source>
        <translation>移除 %1</translation>
    </message>
    <message>
        <source>Try %1 again</source>
        <extracomment>%1: name of a file that has not reached the head</extracomment>
        <translation>重试 %1</translation>
    </message>
</context>
<context>
    <name>argus::gui::BoxedPicture</name>
    <message numerus="yes">
        <source>%Ln box(es) in the picture: %1</source>
        <translation>
            <numerusform>图片中有 %Ln 个边界框：%1</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>argus::gui::ChatPage</name>
    <message>
        <source>Only pictures (PNG, JPEG, WebP, GIF, BMP, TIFF) and clips (MP4, MKV, MOV, WebM, AVI and others) can be attached, not %1.</source>
        <translation>只能附加图片（PNG、JPEG、WebP、GIF、BMP、TIFF）和视频（MP4、MKV、MOV、WebM、AVI 等），不能附加 %1。</translation>
    </message>
    <message>
        <source>pasted</source>
        <extracomment>name of a picture that was pasted, followed by the time of day</extracomment>
        <translation>粘贴图片</translation>
    </message>
    <message>
        <source>The pasted picture could not be written to %1.</source>
        <translation>无法将粘贴的图片写入 %1。</translation>
    </message>
    <message>
        <source>An answer is on its way. Stop it first or wait for its end.</source>
        <translation>正在回答。请先停止，或等待回答结束。</translation>
    </message>
    <message>
        <source>An attachment cannot be read. Remove it first.</source>
        <translation>有附件无法读取，请先移除。</translation>
    </message>
    <message>
        <source>Type a question or attach a picture first.</source>
        <translation>请先输入问题或附加图片。</translation>
    </message>
    <message numerus="yes">
        <source>Attachments: %Ln token(s)</source>
        <comment>what the attachments cost</comment>
        <translation>
            <numerusform>附件：%Ln 词元</numerusform>
        </translation>
    </message>
    <message>
        <source>Ask about your pictures and clips…</source>
        <translation>就图片和视频提问…</translation>
    </message>
    <message>
        <source>Question</source>
        <translation>问题</translation>
    </message>
    <message>
        <source>Attachments</source>
        <translation>附件</translation>
    </message>
    <message>
        <source>Try now</source>
        <translation>立即重试</translation>
    </message>
    <message>
        <source>Close this message</source>
        <translation>关闭此消息</translation>
    </message>
    <message>
        <source>Demo model: it knows simple drawings, short text and moving shapes, and cannot judge photographs.</source>
        <translation>演示模型：只认识简单图形、短文字和运动的形状，无法判断照片。</translation>
    </message>
</context>
<context>
    <name>argus::gui::ChatView</name>
    <message>
        <source>Conversation</source>
        <translation>对话</translation>
    </message>
    <message>
        <source>Show earlier messages</source>
        <translation>显示更早的消息</translation>
    </message>
    <message>
        <source>New text</source>
        <translation>新内容</translation>
    </message>
</context>
<context>
    <name>argus::gui::CheckView</name>
    <message>
        <source>Context of %1 tokens</source>
        <translation>上下文 %1 词元</translation>
    </message>
    <message>
        <source>at most %1 would fit</source>
        <translation>最多可容纳 %1</translation>
    </message>
    <message>
        <source>the KV cache holds %1 tokens</source>
        <translation>KV 缓存可存 %1 词元</translation>
    </message>
    <message>
        <source>■ Not connected: nothing can be checked.</source>
        <translation>■ 未连接：无法检查。</translation>
    </message>
    <message>
        <source>◐ Checking…</source>
        <translation>◐ 正在检查…</translation>
    </message>
    <message>
        <source>■ The head could not check these settings.</source>
        <translation>■ 主节点无法检查这些设置。</translation>
    </message>
    <message>
        <source>● These settings are possible.</source>
        <translation>● 这些设置可行。</translation>
    </message>
    <message>
        <source>■ These settings are not possible.</source>
        <translation>■ 这些设置不可行。</translation>
    </message>
    <message>
        <source>Good to know</source>
        <translation>值得留意</translation>
    </message>
</context>
<context>
    <name>argus::gui::ClusterDesk</name>
    <message>
        <source>Remove a machine</source>
        <translation>移除机器</translation>
    </message>
    <message>
        <source>Remove %1 from the cluster?</source>
        <translation>要将 %1 从集群中移除吗？</translation>
    </message>
    <message>
        <source>Its key is revoked: it is cut off at once and comes back only with a new line from “Add worker…”. A model that uses it stops.</source>
        <translation>它的密钥将被吊销：连接会立即断开，只有用“添加工作节点…”给出的新命令才能重新加入。正在使用它的模型会停止。</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>移除</translation>
    </message>
    <message>
        <source>&amp;Engine settings</source>
        <translation>引擎设置(&amp;E)</translation>
    </message>
    <message>
        <source>Engine settings</source>
        <translation>引擎设置</translation>
    </message>
    <message>
        <source>&amp;Add worker…</source>
        <translation>添加工作节点(&amp;A)…</translation>
    </message>
    <message>
        <source>Add worker</source>
        <translation>添加工作节点</translation>
    </message>
    <message>
        <source>&amp;Logs…</source>
        <translation>日志(&amp;L)…</translation>
    </message>
    <message>
        <source>Logs</source>
        <translation>日志</translation>
    </message>
</context>
<context>
    <name>argus::gui::ClusterDock</name>
    <message>
        <source>Ready</source>
        <translation>就绪</translation>
    </message>
    <message>
        <source>Starting</source>
        <translation>正在启动</translation>
    </message>
    <message>
        <source>Loading</source>
        <translation>正在加载</translation>
    </message>
    <message>
        <source>Restarting</source>
        <translation>正在重启</translation>
    </message>
    <message>
        <source>Failed</source>
        <translation>失败</translation>
    </message>
    <message>
        <source>Stopped</source>
        <translation>已停止</translation>
    </message>
    <message>
        <source>Unknown</source>
        <translation>未知</translation>
    </message>
    <message>
        <source>No model</source>
        <translation>没有模型</translation>
    </message>
    <message>
        <source>%1 · tensor parallel %2 · pipeline parallel %3 · context %4 tokens</source>
        <translation>%1 · 张量并行 %2 · 流水线并行 %3 · 上下文 %4 词元</translation>
    </message>
    <message>
        <source>KV cache: %1 % in use (%2 of %3 blocks)</source>
        <translation>KV 缓存：已用 %1 %（%2 / %3 块）</translation>
    </message>
    <message>
        <source>%1 running · %2 waiting</source>
        <translation>%1 个运行中 · %2 个等待中</translation>
    </message>
    <message>
        <source>Head</source>
        <translation>主节点</translation>
    </message>
    <message>
        <source>Worker</source>
        <translation>工作节点</translation>
    </message>
    <message>
        <source>Lost</source>
        <translation>已失联</translation>
    </message>
    <message numerus="yes">
        <source>%Ln s ago</source>
        <comment>age of figures in seconds</comment>
        <translation>
            <numerusform>%Ln 秒前</numerusform>
        </translation>
    </message>
    <message>
        <source>%1 of %2 in use</source>
        <comment>memory in use of all memory</comment>
        <translation>已用 %1 / %2</translation>
    </message>
    <message>
        <source>Machines</source>
        <translation>机器</translation>
    </message>
    <message>
        <source>No machine is connected yet.</source>
        <translation>尚未连接任何机器。</translation>
    </message>
    <message>
        <source>Close the panel of machines</source>
        <translation>关闭机器面板</translation>
    </message>
    <message>
        <source>Close this message</source>
        <translation>关闭此消息</translation>
    </message>
    <message numerus="yes">
        <source>%Ln machine(s)</source>
        <comment>in the cluster</comment>
        <translation>
            <numerusform>%Ln 台机器</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln device(s)</source>
        <comment>in the cluster</comment>
        <translation>
            <numerusform>%Ln 个设备</numerusform>
        </translation>
    </message>
    <message>
        <source>The head is running alone. One line on another machine adds it.</source>
        <translation>目前只有主节点在运行。在另一台机器上执行一行命令即可加入。</translation>
    </message>
    <message>
        <source>Add worker…</source>
        <translation>添加工作节点…</translation>
    </message>
    <message>
        <source>Let another machine compute too</source>
        <translation>让另一台机器也参与计算</translation>
    </message>
    <message>
        <source>Logs…</source>
        <translation>日志…</translation>
    </message>
    <message>
        <source>Show what a machine has written</source>
        <translation>查看机器写下的日志</translation>
    </message>
    <message>
        <source>Engine settings…</source>
        <translation>引擎设置…</translation>
    </message>
    <message>
        <source>Choose the model and how the machines share it</source>
        <translation>选择模型以及各机器如何分担</translation>
    </message>
    <message>
        <source>New settings did not work; the ones before are back.</source>
        <translation>新设置未能成功，已恢复之前的设置。</translation>
    </message>
    <message>
        <source>%1 went on after a loss</source>
        <comment>questions</comment>
        <translation>%1 个问题在故障后继续</translation>
    </message>
    <message>
        <source>round trip %1 ms</source>
        <translation>往返 %1 毫秒</translation>
    </message>
    <message>
        <source>%1 to the head</source>
        <comment>speed of a link</comment>
        <translation>到主节点 %1</translation>
    </message>
    <message>
        <source>%1 for %2</source>
        <translation>%1（已 %2）</translation>
    </message>
    <message>
        <source>Actions for %1</source>
        <translation>对 %1 的操作</translation>
    </message>
    <message>
        <source>KV cache %1 %</source>
        <translation>KV 缓存 %1 %</translation>
    </message>
    <message>
        <source>&amp;Copy address</source>
        <translation>复制地址(&amp;C)</translation>
    </message>
    <message>
        <source>Show &amp;logs</source>
        <translation>查看日志(&amp;L)</translation>
    </message>
    <message>
        <source>&amp;Remove…</source>
        <translation>移除(&amp;R)…</translation>
    </message>
    <message>
        <source>&amp;Remove… (not the head)</source>
        <translation>移除(&amp;R)…（主节点除外）</translation>
    </message>
    <message>
        <source>Idle</source>
        <translation>空闲</translation>
    </message>
    <message>
        <source>Joining</source>
        <translation>正在加入</translation>
    </message>
    <message>
        <source>Not answering</source>
        <translation>没有响应</translation>
    </message>
    <message>
        <source>Draining</source>
        <translation>正在排空</translation>
    </message>
    <message>
        <source>%1 s</source>
        <extracomment>a duration in seconds</extracomment>
        <translation>%1 秒</translation>
    </message>
    <message>
        <source>%1 min</source>
        <extracomment>a duration in minutes</extracomment>
        <translation>%1 分钟</translation>
    </message>
    <message>
        <source>%1 h %2 min</source>
        <extracomment>a duration in hours and minutes</extracomment>
        <translation>%1 小时 %2 分钟</translation>
    </message>
    <message>
        <source>%1 d %2 h</source>
        <extracomment>a duration in days and hours</extracomment>
        <translation>%1 天 %2 小时</translation>
    </message>
    <message>
        <source>%1 Gbit/s</source>
        <translation>%1 Gbit/s</translation>
    </message>
    <message>
        <source>%1 Mbit/s</source>
        <translation>%1 Mbit/s</translation>
    </message>
    <message>
        <source>Loading: %1 of %2</source>
        <comment>bytes of weights</comment>
        <translation>正在加载：%1 / %2</translation>
    </message>
    <message>
        <source>layer %1</source>
        <translation>第 %1 层</translation>
    </message>
    <message>
        <source>layers %1–%2</source>
        <translation>第 %1–%2 层</translation>
    </message>
    <message>
        <source>not used by the model</source>
        <translation>未被模型使用</translation>
    </message>
    <message>
        <source>Rank %1</source>
        <translation>秩 %1</translation>
    </message>
    <message>
        <source>stage %1</source>
        <translation>阶段 %1</translation>
    </message>
    <message>
        <source>tensor rank %1</source>
        <translation>张量秩 %1</translation>
    </message>
    <message>
        <source>What to do: %1</source>
        <translation>解决办法：%1</translation>
    </message>
    <message>
        <source>Fetching the model</source>
        <translation>正在获取模型</translation>
    </message>
    <message>
        <source>%1 of %2 fetched from the head</source>
        <comment>bytes of the model</comment>
        <translation>已从主节点获取 %1 / %2</translation>
    </message>
</context>
<context>
    <name>argus::gui::ClusterModel</name>
    <message>
        <source>The key of this desktop may only watch: on the head, “argus-node keys allow” gives it another role.</source>
        <translation>此桌面的密钥只能观察：在主节点上用“argus-node keys allow”可为它换一个角色。</translation>
    </message>
</context>
<context>
    <name>argus::gui::CodeSegment</name>
    <message>
        <source>Code</source>
        <translation>代码</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>复制</translation>
    </message>
    <message>
        <source>Copy code</source>
        <translation>复制代码</translation>
    </message>
</context>
<context>
    <name>argus::gui::DropOverlay</name>
    <message numerus="yes">
        <source>Drop to attach %Ln file(s)</source>
        <translation>
            <numerusform>松开以附加 %Ln 个文件</numerusform>
        </translation>
    </message>
    <message>
        <source>Drop to attach the picture</source>
        <translation>松开以附加图片</translation>
    </message>
</context>
<context>
    <name>argus::gui::EmptyState</name>
    <message>
        <source>Ask questions about pictures and clips</source>
        <translation>就图片和视频提问</translation>
    </message>
    <message>
        <source>Drop them anywhere in this window, paste them, or try one of these.</source>
        <translation>把图片或视频拖到窗口任意位置，或直接粘贴，也可以先试试下面的例子。</translation>
    </message>
    <message>
        <source>How many circles are there?</source>
        <extracomment>the sample questions have to be wordings the demo model knows: see resources/demo-model/phrases.py</extracomment>
        <translation>图里有几个圆？</translation>
    </message>
    <message>
        <source>Describe this image.</source>
        <translation>请描述这张图片。</translation>
    </message>
    <message>
        <source>What does the text say?</source>
        <translation>图中的文字是什么？</translation>
    </message>
    <message>
        <source>What happens in the video?</source>
        <translation>视频里发生了什么？</translation>
    </message>
</context>
<context>
    <name>argus::gui::EnginePage</name>
    <message>
        <source>● Unsaved changes</source>
        <translation>● 有未应用的改动</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>对话</translation>
    </message>
    <message>
        <source>Back to the chat</source>
        <translation>返回对话</translation>
    </message>
    <message>
        <source>Back to the chat (Esc)</source>
        <translation>返回对话 (Esc)</translation>
    </message>
    <message>
        <source>Engine settings</source>
        <translation>引擎设置</translation>
    </message>
</context>
<context>
    <name>argus::gui::ErrorCard</name>
    <message>
        <source>This cannot be asked like that</source>
        <translation>不能这样提问</translation>
    </message>
    <message>
        <source>A file cannot be read</source>
        <translation>无法读取文件</translation>
    </message>
    <message>
        <source>This is not supported</source>
        <translation>不支持此操作</translation>
    </message>
    <message>
        <source>This is too large</source>
        <translation>内容过大</translation>
    </message>
    <message>
        <source>Something is missing</source>
        <translation>缺少所需内容</translation>
    </message>
    <message>
        <source>This does not fit into memory or context</source>
        <translation>超出内存或上下文容量</translation>
    </message>
    <message>
        <source>The model cannot be split this way</source>
        <translation>模型不能这样切分</translation>
    </message>
    <message>
        <source>Not allowed</source>
        <translation>未授权</translation>
    </message>
    <message>
        <source>The head does not answer</source>
        <translation>主节点无响应</translation>
    </message>
    <message>
        <source>It took too long</source>
        <translation>已超时</translation>
    </message>
    <message>
        <source>Stopped</source>
        <translation>已停止</translation>
    </message>
    <message>
        <source>The engine stopped unexpectedly</source>
        <translation>引擎意外停止</translation>
    </message>
    <message>
        <source>The engine is busy</source>
        <translation>引擎繁忙</translation>
    </message>
    <message>
        <source>Reading or writing failed</source>
        <translation>读写失败</translation>
    </message>
    <message>
        <source>Something went wrong</source>
        <translation>出错了</translation>
    </message>
    <message>
        <source>What to do: %1</source>
        <translation>解决办法：%1</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>重试</translation>
    </message>
    <message>
        <source>Edit the question</source>
        <translation>修改问题</translation>
    </message>
    <message>
        <source>Copy details</source>
        <translation>复制详情</translation>
    </message>
</context>
<context>
    <name>argus::gui::LogDialog</name>
    <message>
        <source>Asking…</source>
        <translation>正在询问…</translation>
    </message>
    <message>
        <source>This machine has written nothing yet.</source>
        <translation>这台机器还没有写下任何日志。</translation>
    </message>
    <message numerus="yes">
        <source>The last %Ln line(s), fetched at %1</source>
        <comment>of a log</comment>
        <translation>
            <numerusform>最后 %Ln 行，获取于 %1</numerusform>
        </translation>
    </message>
    <message>
        <source>Save the log</source>
        <translation>保存日志</translation>
    </message>
    <message>
        <source>Saved as %1</source>
        <translation>已保存为 %1</translation>
    </message>
    <message>
        <source>%1 cannot be written: %2</source>
        <translation>无法写入 %1：%2</translation>
    </message>
    <message>
        <source>Logs</source>
        <translation>日志</translation>
    </message>
    <message>
        <source>&amp;Machine:</source>
        <translation>机器(&amp;M)：</translation>
    </message>
    <message>
        <source>Machine whose log is shown</source>
        <translation>显示其日志的机器</translation>
    </message>
    <message>
        <source>Log</source>
        <translation>日志</translation>
    </message>
    <message>
        <source>Refresh</source>
        <translation>刷新</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>复制</translation>
    </message>
    <message>
        <source>Save…</source>
        <translation>保存…</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>关闭</translation>
    </message>
</context>
<context>
    <name>argus::gui::MainWindow</name>
    <message>
        <source>Attach pictures and clips</source>
        <translation>附加图片和视频</translation>
    </message>
    <message>
        <source>Pictures and clips</source>
        <translation>图片和视频</translation>
    </message>
    <message>
        <source>All files</source>
        <translation>所有文件</translation>
    </message>
    <message>
        <source>About Argus</source>
        <translation>关于百目</translation>
    </message>
    <message>
        <source>Argus %1</source>
        <translation>百目 %1</translation>
    </message>
    <message>
        <source>Questions about pictures and clips, answered by Qwen2.5-VL on your own machines. Nothing is sent anywhere but to the head you chose.</source>
        <translation>在你自己的机器上用 Qwen2.5-VL 回答关于图片和视频的问题。除你选择的主节点外，内容不会发送到任何地方。</translation>
    </message>
    <message>
        <source>No answer is on its way.</source>
        <translation>当前没有正在生成的回答。</translation>
    </message>
    <message>
        <source>The answer is still on its way.</source>
        <translation>回答仍在生成中。</translation>
    </message>
    <message>
        <source>There is no answer yet.</source>
        <translation>还没有回答。</translation>
    </message>
    <message>
        <source>The conversation is empty.</source>
        <translation>对话为空。</translation>
    </message>
    <message>
        <source>Starting the engine on this computer…</source>
        <translation>正在启动本机引擎…</translation>
    </message>
    <message>
        <source>Connecting to the head…</source>
        <translation>正在连接主节点…</translation>
    </message>
    <message>
        <source>%1. What to do: %2.</source>
        <translation>%1。解决办法：%2。</translation>
    </message>
    <message>
        <source>Connected to the engine on this computer</source>
        <translation>已连接本机引擎</translation>
    </message>
    <message>
        <source>Connected to %1</source>
        <translation>已连接 %1</translation>
    </message>
    <message>
        <source>Connection lost</source>
        <translation>连接已断开</translation>
    </message>
    <message>
        <source>The engine on this computer stopped and is being started again. Nothing you typed is lost.</source>
        <translation>本机引擎已停止，正在重新启动。你输入的内容不会丢失。</translation>
    </message>
    <message>
        <source>The head does not answer; trying again. Nothing you typed is lost.</source>
        <translation>主节点无响应，正在重试。你输入的内容不会丢失。</translation>
    </message>
    <message>
        <source>%1 tokens/s</source>
        <translation>%1 词元/秒</translation>
    </message>
    <message>
        <source>Argus</source>
        <translation>百目</translation>
    </message>
    <message>
        <source>&amp;File</source>
        <translation>文件(&amp;F)</translation>
    </message>
    <message>
        <source>&amp;Conversation</source>
        <translation>对话(&amp;C)</translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation>视图(&amp;V)</translation>
    </message>
    <message>
        <source>&amp;Language</source>
        <translation>语言(&amp;L)</translation>
    </message>
    <message>
        <source>&amp;Theme</source>
        <translation>主题(&amp;T)</translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation>帮助(&amp;H)</translation>
    </message>
    <message>
        <source>&amp;Attach pictures and clips…</source>
        <translation>附加图片和视频(&amp;A)…</translation>
    </message>
    <message>
        <source>Attach</source>
        <translation>附加</translation>
    </message>
    <message>
        <source>&amp;Send</source>
        <translation>发送(&amp;S)</translation>
    </message>
    <message>
        <source>Send</source>
        <translation>发送</translation>
    </message>
    <message>
        <source>S&amp;top the answer</source>
        <translation>停止回答(&amp;T)</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>停止</translation>
    </message>
    <message>
        <source>&amp;Regenerate the answer</source>
        <translation>重新生成回答(&amp;R)</translation>
    </message>
    <message>
        <source>Regenerate</source>
        <translation>重新生成</translation>
    </message>
    <message>
        <source>&amp;New conversation</source>
        <translation>新建对话(&amp;N)</translation>
    </message>
    <message>
        <source>New conversation</source>
        <translation>新建对话</translation>
    </message>
    <message>
        <source>&amp;Copy the last answer</source>
        <translation>复制上一个回答(&amp;C)</translation>
    </message>
    <message>
        <source>Copy the last answer</source>
        <translation>复制上一个回答</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>退出(&amp;Q)</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>退出</translation>
    </message>
    <message>
        <source>&amp;About Argus</source>
        <translation>关于百目(&amp;A)</translation>
    </message>
    <message>
        <source>&amp;Machines</source>
        <translation>机器(&amp;M)</translation>
    </message>
    <message>
        <source>Like the &amp;system</source>
        <translation>跟随系统(&amp;S)</translation>
    </message>
    <message>
        <source>&amp;Light</source>
        <translation>浅色(&amp;L)</translation>
    </message>
    <message>
        <source>&amp;Dark</source>
        <translation>深色(&amp;D)</translation>
    </message>
    <message>
        <source>The engine settings are open; go back to the chat first.</source>
        <translation>引擎设置已打开，请先返回对话。</translation>
    </message>
    <message>
        <source>C&amp;luster</source>
        <translation>集群(&amp;L)</translation>
    </message>
    <message>
        <source>Not connected</source>
        <translation>未连接</translation>
    </message>
</context>
<context>
    <name>argus::gui::MemoryBar</name>
    <message>
        <source>Weights</source>
        <translation>权重</translation>
    </message>
    <message>
        <source>Runtime</source>
        <translation>运行时</translation>
    </message>
    <message>
        <source>KV cache in use</source>
        <translation>KV 缓存（已用）</translation>
    </message>
    <message>
        <source>KV cache reserved</source>
        <translation>KV 缓存（预留）</translation>
    </message>
    <message>
        <source>Other programs</source>
        <translation>其他程序</translation>
    </message>
    <message>
        <source>Free</source>
        <translation>空闲</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <extracomment>a part of a device&apos;s memory and its size, as in &quot;Weights: 12.5 MiB&quot;</extracomment>
        <translation>%1：%2</translation>
    </message>
    <message>
        <source>%1: %2 of %3 in use</source>
        <translation>%1：已用 %2 / %3</translation>
    </message>
</context>
<context>
    <name>argus::gui::NodeFields</name>
    <message>
        <source>Model folder there</source>
        <translation>那里的模型文件夹</translation>
    </message>
    <message>
        <source>Network interface of %1</source>
        <translation>%1 的网络接口</translation>
    </message>
    <message>
        <source>Model folder on %1</source>
        <translation>%1 上的模型文件夹</translation>
    </message>
    <message>
        <source>as on the head</source>
        <translation>与主节点相同</translation>
    </message>
    <message>
        <source>%1: %2, %3 free of %4</source>
        <comment>a device: number, name, memory</comment>
        <translation>%1：%2，空闲 %3，共 %4</translation>
    </message>
    <message>
        <source>automatic</source>
        <translation>自动</translation>
    </message>
    <message>
        <source>automatic (%1)</source>
        <translation>自动（%1）</translation>
    </message>
    <message>
        <source>%1 (not there)</source>
        <translation>%1（不存在）</translation>
    </message>
</context>
<context>
    <name>argus::gui::PlanTable</name>
    <message>
        <source>Weights</source>
        <translation>权重</translation>
    </message>
    <message>
        <source>KV cache</source>
        <translation>KV 缓存</translation>
    </message>
    <message>
        <source>Activations</source>
        <translation>激活值</translation>
    </message>
    <message>
        <source>Runtime</source>
        <translation>运行时</translation>
    </message>
    <message>
        <source>rank %1</source>
        <translation>秩 %1</translation>
    </message>
    <message>
        <source>stage %1</source>
        <translation>阶段 %1</translation>
    </message>
    <message>
        <source>%1 of %2</source>
        <comment>memory needed, memory usable</comment>
        <translation>%1 / %2</translation>
    </message>
    <message>
        <source>Memory of each rank</source>
        <translation>各秩的内存</translation>
    </message>
    <message>
        <source>Sum of usable</source>
        <translation>合计 / 可用</translation>
    </message>
</context>
<context>
    <name>argus::gui::ProblemCard</name>
    <message>
        <source>What to do: %1</source>
        <translation>解决办法：%1</translation>
    </message>
</context>
<context>
    <name>argus::gui::ProseSegment</name>
    <message>
        <source>Open link</source>
        <translation>打开链接</translation>
    </message>
    <message>
        <source>Open this link in the browser?</source>
        <translation>在浏览器中打开此链接？</translation>
    </message>
</context>
<context>
    <name>argus::gui::SampleCard</name>
    <message>
        <source>Try: %1</source>
        <translation>试一试：%1</translation>
    </message>
    <message>
        <source>Attach %1 and ask this</source>
        <translation>附加 %1 并提出此问题</translation>
    </message>
</context>
<context>
    <name>argus::gui::SettingsFields</name>
    <message>
        <source>Folder of the model</source>
        <translation>模型所在文件夹</translation>
    </message>
    <message>
        <source>automatic (%1)</source>
        <translation>自动（%1）</translation>
    </message>
    <message>
        <source>automatic</source>
        <translation>自动</translation>
    </message>
    <message>
        <source>%1 (not possible)</source>
        <translation>%1（不可行）</translation>
    </message>
    <message>
        <source>At most %1 fit.</source>
        <translation>最多可容纳 %1。</translation>
    </message>
    <message>
        <source>This is %1.</source>
        <translation>当前为 %1。</translation>
    </message>
    <message>
        <source>The built-in demo model</source>
        <translation>内置演示模型</translation>
    </message>
    <message>
        <source>Choose folder…</source>
        <translation>选择文件夹…</translation>
    </message>
    <message>
        <source>Demo model</source>
        <translation>演示模型</translation>
    </message>
    <message>
        <source>On</source>
        <translation>开启</translation>
    </message>
    <message>
        <source>Advanced</source>
        <translation>高级</translation>
    </message>
</context>
<context>
    <name>argus::gui::StartView</name>
    <message>
        <source>■ The head did not start these settings.</source>
        <translation>■ 主节点没有启动这些设置。</translation>
    </message>
    <message>
        <source>▲ The new settings did not work. The ones before are being started again.</source>
        <translation>▲ 新设置未能成功，正在重新启动之前的设置。</translation>
    </message>
    <message>
        <source>▲ The new settings did not work. The ones before run again.</source>
        <translation>▲ 新设置未能成功，已恢复运行之前的设置。</translation>
    </message>
    <message>
        <source>▲ The engine is being restarted.</source>
        <translation>▲ 引擎正在重新启动。</translation>
    </message>
    <message>
        <source>◐ The engine is being started.</source>
        <translation>◐ 引擎正在启动。</translation>
    </message>
    <message>
        <source>■ The engine does not run.</source>
        <translation>■ 引擎没有运行。</translation>
    </message>
    <message>
        <source>What to do: %1</source>
        <translation>解决办法：%1</translation>
    </message>
</context>
</TS>
