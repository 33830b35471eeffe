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
</TS>
