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
