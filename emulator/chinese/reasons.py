"""Reasons of refusals in Chinese: what cards say, and what is said of cards that are not ours."""

from collections.abc import Mapping
from typing import Final

REASONS: Final[Mapping[str, str]] = {
    # The engine and the gate.
    "the card is permanently locked": "卡片已永久锁定",
    "{df} is permanently locked": "{df}已永久锁定",
    "{df} is locked until APPLICATION UNBLOCK": "{df}已临时锁定，须用 APPLICATION UNBLOCK 解锁",
    "{df} is locked": "{df}已锁定",
    "{key} is locked: no tries left": "{key}已锁定，剩余次数为 0",
    "the command has fewer than four bytes": "命令不足 4 字节",
    "its INITIALIZE command did not come directly before it": "前一条命令不是它的初始化命令",
    "the answer has {count} bytes": "应答为 {count} 字节",
    "a defect of this program: {error*}": "本程序的缺陷：{error}",
    "Lc does not agree with the length of the command": "Lc 与命令长度不符",
    "the command answers no data, so it has no Le": "此命令不返回数据，不应有 Le",
    "{names} answers data, so it needs an Le": "{names}返回数据，须有 Le",
    "{names} has Lc {lengths}": "{names}的 Lc 应为 {lengths}",
    "{names} has Le {lengths}": "{names}的 Le 应为 {lengths}",
    "{names} has P1 {values*}": "{names}的参数应为 P1 {values}",
    "{names} have P1 {values*}": "{names}的参数应为 P1 {values}",
    "{names} has class {classes} here": "{names}在此处的 CLA 应为 {classes}",
    "{names} works in {places}, not in {df}: SELECT it first": "{names}用于{places}，不能用于{df}：先选择相应的 DF",
    "no command of this card has this class; the classes here are {classes}": (
        "卡片没有此 CLA 的命令；此处的 CLA 为 {classes}"
    ),
    "no command of this card has this instruction": "卡片没有此 INS 的命令",
    "no data wait for GET RESPONSE": "没有待取数据",
    # Selecting.
    "no file of this card has this identifier": "卡片没有此标识符的文件",
    "no DF of this card has this name": "卡片没有此名称的 DF",
    "no further DF has this name": "没有下一个此名称的 DF",
    "there is no next file: an identifier belongs to one file only": "没有下一个文件：一个标识符只属于一个文件",
    "{df} does not reach {places}: SELECT the DF above it first": "从{df}不能直接选择{places}：先选择其上级 DF",
    "{files} has this identifier and is no DF: SELECT its DF, then the EF with P1 02": (
        "此标识符属于{files}，不是 DF：先选择其所在的 DF，再用 P1 02 选择该 EF"
    ),
    "{places} has this name, but cannot be selected by it from {df}": "{places}有此名称，但不能从{df}按名称选择",
    "the name of {places} begins so, but a part of it selects nothing from here": (
        "{places}的名称以此开头，但在此处不能用部分名称选择"
    ),
    "{df} has no EF with this identifier": "{df}中没有此标识符的 EF",
    "{df} has no EF with SFI {sfi}": "{df}中没有 SFI 为 {sfi} 的 EF",
    "{what}; {places} has it: P1 00 selects a DF": "{what}；{places}有此标识符：用 P1 00 选择 DF",
    "{what}; {places} has one": "{what}；{places}有",
    "{what}; {places} have one": "{what}；{places}有",
    "no EF is selected in {df}": "在{df}中尚未选择 EF",
    "a DF name has 5 to 16 bytes, not {count}": "DF 名称应为 5 至 16 字节，不是 {count} 字节",
    "a file identifier has 2 bytes, not {count}": "文件标识符应为 2 字节，不是 {count} 字节",
    "{file} is internal: no command selects it": "{file}是内部文件，不能选择",
    "this is the environment of SSF33, which is not public: the card has those of 3DES and SM4 only": (
        "这是 SSF33 的环境，该算法未公开：卡片只有 3DES 和 SM4 的环境"
    ),
    # Reading and writing.
    "{file} read needs {rule}; proven: {proven}": "读取{file}需要{rule}；已验证：{proven}",
    "{file} update needs {rule}; proven: {proven}": "更新{file}需要{rule}；已验证：{proven}",
    "{what} needs {rule}; proven: {proven}": "{what}需要{rule}；已验证：{proven}",
    "{file} read needs never; proven: {proven}": "{file}禁止读取；已验证：{proven}",
    "{file} update needs never; proven: {proven}": "{file}禁止更新；已验证：{proven}",
    "{what} needs never; proven: {proven}": "禁止{what}；已验证：{proven}",
    "nobody may read {file}": "{file}禁止读取",
    "nobody may update {file}": "{file}禁止更新",
    "{file} is {structure}: READ BINARY and UPDATE BINARY work on it": (
        "{file}是{structure}文件：应使用 READ BINARY 和 UPDATE BINARY"
    ),
    "{file} is {structure}: READ RECORD and UPDATE RECORD work on it": (
        "{file}是{structure}文件：应使用 READ RECORD 和 UPDATE RECORD"
    ),
    "{file} is {structure}: no command of files works on it": "{file}是{structure}文件：任何文件命令都不能访问",
    "{file} is {structure}, not a file of fixed or variable records": "{file}是{structure}文件，不是定长或变长记录文件",
    "offset {offset} is outside the file of {count} bytes": "偏移 {offset} 超出文件范围（{count} 字节）",
    "bytes {first} to {last} in a file of {count} bytes": "第 {first} 至 {last} 字节超出文件范围（{count} 字节）",
    "there is no current record": "没有当前记录",
    "there is no record {number}; the file has {count}": "没有第 {number} 条记录；文件有 {count} 条",
    "there is no record {number} to replace; the file has {count}": "没有可替换的第 {number} 条记录；文件有 {count} 条",
    "no {which} has identifier {id}; the file has {count} records": "没有标识符为 {id} 的{which}；文件有 {count} 条",
    "the file is full: it has {count} records": "文件已满：已有 {count} 条记录",
    "the records would need {count} bytes, the file has {size}": "记录共需 {count} 字节，文件只有 {size} 字节",
    "a record of {count} bytes with an inner length of {length}": "记录有 {count} 字节，而其中的长度为 {length}",
    "a record of {count} bytes with no inner length": "记录有 {count} 字节，其中没有长度",
    "a record with tag {tag} is written under identifier {id}": "标签为 {tag} 的记录却按标识符 {id} 写入",
    "the record has {count} bytes, every record of this file has {length}": (
        "记录有 {count} 字节，而此文件的每条记录为 {length} 字节"
    ),
    "this record has {count} bytes, and its length cannot change": "此记录有 {count} 字节，其长度不能改变",
    "{path}: the image was moved or deleted, so nothing written to it would last": (
        "{path}：卡文件已移动或删除，写入的内容不会保留"
    ),
    "{path}: the image cannot be written: {error*}": "{path}：卡文件不能写入：{error}",
    # Secure messaging.
    "the data field is too short to end in a MAC": "数据域太短，容不下 MAC",
    "the command does not end in a MAC under {key}": "命令末尾没有用{key}计算的 MAC",
    "the MAC does not verify under {key} with this challenge": "MAC 校验不通过（{key}，当前随机数）",
    "the MAC does not verify under {key}": "MAC 校验不通过（{key}）",
    "{mac} does not verify": "{mac}校验不通过",
    "{file} takes updates with a MAC only": "更新{file}须带 MAC",
    "{file} takes updates without secure messaging": "更新{file}不能使用安全报文",
    "{file} is read with a MAC only": "读取{file}须带 MAC",
    "{file} is read without secure messaging": "读取{file}不能使用安全报文",
    "{file} has no line protection": "{file}没有线路保护",
    "LD is 00, but an update needs data": "LD 为 00，而更新须有数据",
    "the cipher data are not whole blocks": "密文不是整数个分组",
    "the deciphered data are not LD || data || padding": "解密后的数据不符合 LD || 数据 || 填充 的格式",
    "the data before the MAC are not an enciphered length": "MAC 之前的数据长度不是密文的长度",
    "the answer has {count} bytes, and LD counts at most {most}": "应答有 {count} 字节，而 LD 最大为 {most}",
    # Challenges and keys.
    "there is no challenge: send GET CHALLENGE first, once for each use": (
        "没有随机数：先发送 GET CHALLENGE，每次使用前取一次"
    ),
    "a {suite} key takes a challenge of at most {count} bytes": "{suite} 密钥的随机数最多 {count} 字节",
    "the challenge is longer than a block": "随机数长于一个分组",
    "with blocks of {block} bytes a challenge cannot have {count} bytes": (
        "分组为 {block} 字节时，随机数不能是 {count} 字节"
    ),
    "authentication with {key} failed": "用{key}认证失败",
    "the value for {key} is wrong": "{key}的值错误",
    "{df} has no {usage} key": "{df}中没有{usage}密钥",
    "{df} has no {usage} key, but {kids}": "{df}中没有{usage}密钥，只有 {kids}",
    "{df} has no {usage} key {kid}": "{df}中没有{usage}密钥 {kid}",
    "{df} has no {usage} key {kid}, but {kids}": "{df}中没有{usage}密钥 {kid}，只有 {kids}",
    "{df} has no {usage} key with index {index}": "{df}中没有索引为 {index} 的{usage}密钥",
    "{df} has no {usage} key with index {index}, but {kids}": "{df}中没有索引为 {index} 的{usage}密钥，只有 {kids}",
    "{df} has no key for internal authentication": "{df}中没有内部认证密钥",
    "{df} has no key {kid}": "{df}中没有密钥 {kid}",
    "{df} has no key {kid} in {file}": "{file}中没有密钥 {kid}",
    "{df} has no key {kid} of its own": "{df}没有自己的密钥 {kid}",
    "{df} has no key of version {version} for purchases": "{df}中没有版本为 {version} 的消费密钥",
    "{key} version {version} is {state}": "{key} 的版本 {version} {state}",
    "{key} is a {usage} key, and the command needs a {wanted} key": "{key} 是{usage}密钥，而此命令需要{wanted}密钥",
    "{reason}, and no tries are left: the application is permanently locked": "{reason}，剩余次数为 0：应用已永久锁定",
    "{key} has no tries left: the application is permanently locked": "{key}剩余次数为 0：应用已永久锁定",
    # PINs.
    "the PIN is wrong": "个人密码错误",
    "the PIN is not verified": "尚未校验个人密码",
    "the PIN here is out of use": "此处的个人密码已停用",
    "the PIN was locked before this transaction": "个人密码在本次交易之前已锁定",
    "no PIN is set, so none can be right": "没有设置个人密码，任何密码都不正确",
    "a PIN is set, and the command has none": "已设置个人密码，而命令中没有密码",
    "the data are not a PIN in cn of 4 to 16 digits": "数据不是 cn 格式的 4 至 16 位个人密码",
    "the new PIN is not one in cn of 4 to 16 digits": "新密码不是 cn 格式的 4 至 16 位个人密码",
    "the deciphered data are not a PIN in cn of 4 to 16 digits": "解密后的数据不是 cn 格式的 4 至 16 位个人密码",
    "the data are not current PIN || FF || new PIN": "数据不符合 原密码 || FF || 新密码 的格式",
    "a PIN enciphered under {key} must have whole blocks": "用{key}加密的个人密码须为整数个分组",
    "a PIN has 2 to 6 bytes": "个人密码应为 2 至 6 字节",
    "a PIN block has 8 bytes": "PIN 分组应为 8 字节",
    "the deciphered data are not a PIN block": "解密后的数据不是 PIN 分组",
    "the PIN on the card has {count} digits, too many for a PIN block": "卡中的个人密码有 {count} 位，PIN 分组容纳不下",
    "with P2 {p2} Lc is {lengths}": "P2 为 {p2} 时 Lc 应为 {lengths}",
    # Medical trades.
    "a trade needs the PIN, and it is not verified": "交易须先校验个人密码",
    "Le is {length} for P2 {p2}": "P2 为 {p2} 时 Le 应为 {length}",
    "the trade types in P2 are {types}": "P2 中的交易类型应为 {types}",
    "the last trade was not one of type {type} with number {number}": (
        "最近一笔交易不是类型 {type}、交易序号 {number} 的交易"
    ),
    "in an account-only application there is no payment year (Part 7, 12)": (
        "只支持个人帐户的应用没有支付年度（Part 7, 12）"
    ),
    "there is no key here for changing the starting day": "此处没有修改年度起始日期的密钥",
    "the data are not a day mmdd": "数据不是 mmdd 格式的日期",
    "the date of the trade is not in digits": "交易日期不是数字",
    "the counter of loads is at its limit": "划入交易序号已达最大值",
    "the counter of purchases is at its limit": "消费交易序号已达最大值",
    "the balance would not fit into its 4 bytes": "余额将超出 4 字节",
    "a total of the payment year would not fit into its 4 bytes": "支付年度的累计金额将超出 4 字节",
    "the balance is smaller than the amount that the account shall pay": "余额小于个人帐户应支付的金额",
    "{df} has no money file": "{df}中没有金额文件",
    "there is no file for trade records beside {file}": "没有与{file}同在的交易明细文件",
    # The PSAM.
    "no application is selected, only {df}: SELECT DF01 first": "没有选择应用，当前是{df}：先选择 DF01",
    "the data are not 0 to 3 factors of 8 bytes and a session factor of {count}": (
        "数据不是 0 至 3 个 8 字节的分散因子加一个 {count} 字节的过程密钥产生因子"
    ),
    "{key} is a {usage} key: it gives no session key for other computations": (
        "{key} 是{usage}密钥，不能产生用于其他计算的过程密钥"
    ),
    "{key} takes {count} factors, as many as its levels above the card, not {given}": (
        "{key} 需要 {count} 个分散因子，与其分散级数相同，而不是 {given} 个"
    ),
    "the purchase key {version} takes {count} factors, as many as its levels above the card, not {given}": (
        "消费密钥 {version} 需要 {count} 个分散因子，与其分散级数相同，而不是 {given} 个"
    ),
    "there is no session key: send DELIVERY SESSION KEY first": "没有过程密钥：先发送 DELIVERY SESSION KEY",
    "{key} is a {usage} key and does not make MACs": "{key} 是{usage}密钥，不能计算 MAC",
    "{key} is a {usage} key and does not encipher": "{key} 是{usage}密钥，不能加密",
    "the session key of {key} has done its MAC": "{key} 的过程密钥已用于计算 MAC",
    "the session key of {key} has done its encryption": "{key} 的过程密钥已用于加密",
    "P1 {p1} takes whole blocks of {block} bytes, not {count} bytes": (
        "P1 为 {p1} 时数据须为 {block} 字节的整数倍，不是 {count} 字节"
    ),
    "no MAC is running: P1 07 begins one, and any other command ends it": (
        "没有进行中的 MAC 计算：由 P1 07 开始，任何其他命令都使其结束"
    ),
    "the data are not two digits of a region code": "数据不是两位地区代码",
    "{key} exists already: CHANGE KEY replaces it": "{key} 已存在：用 CHANGE KEY 更新",
    "{file} is full": "{file}已满",
    "the deciphered data are not usage || identifier || 00 || key": (
        "解密后的数据不符合 用途 || 标识 || 00 || 密钥 的格式"
    ),
    "the deciphered data are not a head of 8 bytes and a key": "解密后的数据不是 8 字节的密钥头加密钥",
    "reserved bytes, or the permission, are not 00": "保留字节或权限不为 00",
    "{key} is a key of {length} bytes, not {count}": "{key} 的长度为 {length} 字节，不是 {count} 字节",
    "{key} is a key of algorithm {algorithm}, not {given}": "{key} 的算法标识为 {algorithm}，不是 {given}",
    "under the cipher of this environment Lc is {lengths}": "按此环境的算法，Lc 应为 {lengths}",
    "P2 names no key file of {df}; its key files are {files}": "P2 不是{df}的密钥文件；其密钥文件为 {files}",
    "writing {file} needs {key}, authenticated in this DF": "写入{file}须先在此 DF 中用{key}认证",
    "no key has this usage: the low five bits are {usages}, the levels at most {levels}": (
        "没有这种用途的密钥：低 5 位应为 {usages}，分散级数不超过 {levels}"
    ),
    "the ciphers of this environment are {ciphers}": "此环境的算法标识应为 {ciphers}",
    "a {suite} key has {length} bytes, not {count}": "{suite} 密钥应为 {length} 字节，不是 {count} 字节",
    "all terminal trade sequence numbers are used: this module makes no more purchases": (
        "终端交易序号已用完：此 PSAM 不能再进行消费"
    ),
    "there is no purchase to credit: send INIT SAM FOR PURCHASE first": (
        "没有进行中的消费：先发送 INIT SAM FOR PURCHASE"
    ),
    "MAC2 of purchase {number} does not verify": "消费 {number} 的 MAC2 校验不通过",
    # Personalisation.
    "{df} is {phase}: nobody may {operation} there now": "{df}处于“{phase}”阶段，此时不能{operation}",
    "to {operation}, authenticate with {authority} in this DF": "{operation}须先在此 DF 中用{authority}认证",
    "the card has no key for {authority}": "卡片没有{authority}",
    "the card has no transport key": "卡片没有运输密钥",
    "a DF with this name exists (Part 3, 5.2.1)": "已有此名称的 DF（Part 3, 5.2.1）",
    "a directory file has SFI 1 to 30, not {sfi}": "目录文件的 SFI 应为 1 至 30，不是 {sfi}",
    "no {kind} here can have the commands of {set}": "此处的 {kind} 不能使用{set}的命令",
    "the FCI of this DF would have more than {most} bytes, too long for one answer": (
        "此 DF 的 FCI 将超过 {most} 字节，一次应答容不下"
    ),
    "the FCI of {df} shows this file, and would have more than {most} bytes": (
        "{df}的 FCI 包含此文件，将超过 {most} 字节"
    ),
    "{df} has no file {fid}": "{df}中没有文件 {fid}",
    "SFI {sfi} is taken or not one of 1 to 30 (Part 3, 5.2)": "SFI {sfi} 已使用，或不在 1 至 30 之内（Part 3, 5.2）",
    "a {structure} file cannot have this size": "{structure}文件不能是这个大小",
    "3F00 is the MF (Part 3, 5.2)": "3F00 是 MF（Part 3, 5.2）",
    "file {fid} exists already": "文件 {fid} 已存在",
    "{df} has a master key of its own": "{df}有自己的主控密钥",
    "an environment has a master key of its own": "环境有自己的主控密钥",
    "there is no {key} version {version} to update": "没有可更新的 {key} 版本 {version}",
    "{key} version {version} exists already, or another key has its identifier": (
        "{key} 版本 {version} 已存在，或其标识已被其他密钥使用"
    ),
    "this card does not accept keys in clear": "此卡不接受明文密钥",
    "a key must come enciphered and with a MAC": "密钥须加密并带 MAC 写入",
    "a master key can be replaced, not retired": "主控密钥可以更换，不能停用",
    "this key cannot have this identifier": "此密钥不能使用这个标识",
    "a PIN has version 1": "个人密码的版本为 1",
    "the value is not a PIN in cn of 4 to 16 digits": "值不是 cn 格式的 4 至 16 位个人密码",
    "the key does not have the length of its cipher": "密钥长度与其算法不符",
    "this is a weak DES key": "这是 DES 弱密钥",
    "both halves of the key are equal, so it is no stronger than DES": "密钥的两半相同，强度不高于 DES",
    "the key does not have odd parity": "密钥不是奇校验",
    "the value is not an RSA key: exponent in 3 bytes, two primes of one length": (
        "值不是 RSA 密钥：应为 3 字节的指数和两个等长的素数"
    ),
    "a card has {count} historical bytes": "卡片的历史字节应为 {count} 个",
    "the data field is too short": "数据域太短",
    "the data field is too long": "数据域太长",
    "the data field has no MAC after its cipher": "数据域的密文之后没有 MAC",
    "END OF PERSONALISATION has no data": "END OF PERSONALISATION 不带数据",
    "DELETE STRUCTURE has no data": "DELETE STRUCTURE 不带数据",
    "DELETE FILE has one FID of 2 bytes as data": "DELETE FILE 的数据应为一个 2 字节的 FID",
    "the types of elementary files are {types}": "基本文件的类型应为 {types}",
    "the flags here are {flags} and sums of them": "此处的标志应为 {flags} 及其组合",
    "the head of the key is not valid in this coding": "密钥头不符合此编码",
    "the key is not padded with FF": "密钥没有用 FF 填充",
    # FMCOS.
    "a directory has Lc {lengths}, any other file {length}": "建立目录的 Lc 应为 {lengths}，其他文件为 {length}",
    "a passbook is EF 0001 and a purse EF 0002, both of type 2F and size 0208": (
        "电子存折为 EF 0001，电子钱包为 EF 0002，类型均为 2F，大小均为 0208"
    ),
    "the MF exists and is not empty": "MF 已存在且不为空",
    "the file takes {count} bytes, the card has {left} left": "文件需要 {count} 字节，卡片只剩 {left} 字节",
    "the file takes {count} bytes, the directory has {left} left": "文件需要 {count} 字节，目录只剩 {left} 字节",
    "directories have three levels, the MF's included": "目录最多三级，含 MF",
    "the types of files are {types}; b8 asks for a MAC, b7 with it for a cipher": (
        "文件类型应为 {types}；b8 表示要求 MAC，加上 b7 表示要求加密"
    ),
    "the directory has a key file already": "目录中已有密钥文件",
    "the key file is the first file of its directory (4.1.3)": "密钥文件须是其目录中的第一个文件（4.1.3）",
    "a file of {count} records of {length} bytes is not possible": "文件不能有 {count} 条 {length} 字节的记录",
    "{df} has no key file": "{df}中没有密钥文件",
    "the new key does not have type and length of the old one": "新密钥的类型和长度与原密钥不同",
    "the key file has {count} bytes": "密钥文件只有 {count} 字节",
    "{df} has no key of this type and identifier to replace": "{df}中没有可替换的此类型和标识的密钥",
    "this key must come enciphered and with a MAC": "此密钥须加密并带 MAC 写入",
    "there is no master key, which is key 39 with identifier 00": "没有主控密钥，即类型 39、标识 00 的密钥",
    "the data of a key are its head of 5 bytes and its value": "密钥数据应为 5 字节的密钥头加密钥值",
    "the types of keys are {types}": "密钥类型应为 {types}",
    "the value does not have the length of a key of this type": "密钥值的长度与此类型不符",
    "a key of this type has at least one try": "此类密钥的错误次数至少为 1",
    # Passbook and purse.
    "the online counter is at its limit": "联机交易序号已达最大值",
    "the offline counter is at its limit": "脱机交易序号已达最大值",
    "the balance is {fen} fen short": "余额不足，差 {fen} 分",
    "the balance would not fit into 4 bytes": "余额将超出 4 字节",
    "the last trade of this account was not trade {type} with this counter": (
        "此账户最近一笔交易不是此交易序号的 {type} 类交易"
    ),
    "{df} has no passbook, which is the internal EF {fid}": "{df}中没有电子存折，即内部 EF {fid}",
    "{df} has no purse, which is the internal EF {fid}": "{df}中没有电子钱包，即内部 EF {fid}",
    "EF {fid} has {count} bytes, balance and counters take {needed}": (
        "EF {fid} 只有 {count} 字节，余额和交易序号需要 {needed} 字节"
    ),
    "{df} has no log: a cyclic EF 0018 with records of {length} bytes": (
        "{df}中没有交易明细文件：循环文件 EF 0018，每条记录 {length} 字节"
    ),
    "{key} proves itself with {count} bytes": "用{key}认证的数据应为 {count} 字节",
    "{key} enciphers {count} bytes": "用{key}加密的数据应为 {count} 字节",
    # Debit/credit with electronic cash.
    "no record of the application has the list {tag}": "应用的记录中没有数据对象列表 {tag}",
    "the card did not ask for the issuer, so there is no second cryptogram": "卡片没有请求联机，所以没有第二个应用密文",
    "the second cryptogram must be a TC or an AAC": "第二个应用密文须为 TC 或 AAC",
    "the data object lists of the card lack what its cryptogram needs: {error*}": (
        "卡中的数据对象列表缺少计算应用密文所需的数据：{error}"
    ),
    "the AIP has no combined data authentication": "AIP 表示不支持复合动态数据认证（CDA）",
    "the AIP has no dynamic data authentication": "AIP 表示不支持动态数据认证（DDA）",
    "the AIP has no issuer authentication": "AIP 表示不支持发卡行认证",
    "the CDOL asks for {count} bytes, {given} came": "CDOL 要求 {count} 字节，收到 {given} 字节",
    "the DDOL asks for {count} bytes, {given} came": "DDOL 要求 {count} 字节，收到 {given} 字节",
    "the PDOL asks for {count} bytes, {given} came": "PDOL 要求 {count} 字节，收到 {given} 字节",
    "issuer authentication has failed {count} times in a row": "发卡行认证已连续失败 {count} 次",
    "issuer authentication has failed in this transaction": "本次交易的发卡行认证失败",
    "issuer authentication has already run in this transaction": "本次交易已进行过发卡行认证",
    "the issuer's cryptogram does not verify": "发卡行的密文（ARPC）校验不通过",
    "a script command of this transaction has failed": "本次交易中已有脚本命令失败",
    "script MACs have failed {count} times in a row": "脚本命令的 MAC 已连续错误 {count} 次",
    "the MAC of the script command does not verify": "脚本命令的 MAC 校验不通过",
    "the balance would be above its limit": "余额将超过上限",
    "data object {tag} names {file}, which is {structure}": "数据对象 {tag} 指向{file}，而它是{structure}文件",
    "data object {tag} makes records of {count} bytes, those of {file} have {length}": (
        "数据对象 {tag} 使记录为 {count} 字节，而{file}的记录为 {length} 字节"
    ),
    "data object {tag} makes an answer of {count} bytes, one has at most {most}": (
        "数据对象 {tag} 使应答达到 {count} 字节，而一次应答最多 {most} 字节"
    ),
    "data object {tag} has {count} bytes, {given} came": "数据对象 {tag} 为 {count} 字节，收到 {given} 字节",
    "data object {tag} has {count} bytes, not {length}": "数据对象 {tag} 有 {count} 字节，应为 {length} 字节",
    "data object {tag} has {count} bytes, not four for each file": (
        "数据对象 {tag} 有 {count} 字节，应为每个文件 4 字节"
    ),
    "data object {tag} has {count} bytes, not 2 and four for each file": (
        "数据对象 {tag} 有 {count} 字节，应为 2 字节加每个文件 4 字节"
    ),
    "data object {tag} has other digits than 0 to 9": "数据对象 {tag} 含有 0 至 9 以外的数字",
    "data object {tag} is no list of data objects: {error*}": "数据对象 {tag} 不是数据对象列表：{error}",
    "data object {tag} is neither 80 nor 77": "数据对象 {tag} 既不是 80 也不是 77",
    "data object {tag} names cryptogram version {version}, for which there is no rule": (
        "数据对象 {tag} 指定密文版本 {version}，没有相应的计算规则"
    ),
    "{df} has no data objects": "{df}中没有数据对象",
    "the application has no data object {tag}": "应用中没有数据对象 {tag}",
    "EF 0001 has no room for data object {tags}, which is missing": "EF 0001 容不下所缺的数据对象 {tags}",
    "EF 0001 holds no whole data objects: {error*}": "EF 0001 中的数据对象不完整：{error}",
    "tag A5 of the FCI holds no whole data objects: {error*}": "FCI 的标签 A5 中数据对象不完整：{error}",
    "the transaction counter is at its end: the application is permanently locked": (
        "应用交易计数器已达最大值：应用已永久锁定"
    ),
    "the transaction is at stage {stage}; this command needs {stages}": (
        "交易处于“{stage}”阶段，此命令须在“{stages}”阶段"
    ),
    "the data are not a whole template 83": "数据不是完整的模板 83",
    "the data are not one template 83": "数据不是单个模板 83",
    "the authorised amount is not in digits": "授权金额不是数字",
    "GET DATA answers no data object {tag} here": "GET DATA 在此处不返回数据对象 {tag}",
    "PUT DATA writes no data object {tag} here": "PUT DATA 在此处不能写入数据对象 {tag}",
    "PUT DATA writes no data object {tag} here; the card has it, but PUT DATA does not change it": (
        "PUT DATA 在此处不能写入数据对象 {tag}；卡中有该对象，但不能用 PUT DATA 修改"
    ),
    "CDA needs the terminal's random number in the CDOL": "CDA 要求 CDOL 中有终端的随机数",
    "a signature of {count} bytes is too long for one answer": "签名有 {count} 字节，一次应答容不下",
    "the signature is too long for one answer": "签名太长，一次应答容不下",
    "the RSA key of the card cannot sign: {error*}": "卡中的 RSA 密钥不能签名：{error}",
    "object {tag} would have {count} bytes": "对象 {tag} 将有 {count} 字节",
    "object {tag} has {count} bytes, but only {left} are there": "对象 {tag} 应有 {count} 字节，实际只有 {left} 字节",
    "object {tag} has a length that begins with {byte}": "对象 {tag} 的长度以 {byte} 开头",
    "the data end within tag {tag}": "数据在标签 {tag} 中间结束",
    "the data end before the length of object {tag}": "数据在对象 {tag} 的长度之前结束",
    "the data end within the length of object {tag}": "数据在对象 {tag} 的长度中间结束",
    "the list ends before the length of {tag}": "列表在 {tag} 的长度之前结束",
    "no rule for cryptogram version {version}": "没有密文版本 {version} 的计算规则",
    "tag {tag} has {length} bytes, not {count}": "标签 {tag} 应为 {length} 字节，不是 {count} 字节",
    "an interchange profile has 2 bytes, verification results 4": "AIP 应为 2 字节，CVR 应为 4 字节",
    "a key of {length} bytes signs {room} bytes, not {count}": (
        "{length} 字节的密钥可签名 {room} 字节，不是 {count} 字节"
    ),
    "a block of {length} bytes below the modulus is wanted, not {count} bytes": (
        "被签名的分组应为 {length} 字节且小于模数，而它有 {count} 字节"
    ),
    "base is not invertible for the given modulus": "模数无效",
    # Cards that are not ours, by bytes alone.
    "in {profile} {reason*}": "按卡型 {profile}：{reason}",
    "{file} read is free: this card differs": "{file}可自由读取，此卡与其不同",
    "{file} update is free: this card differs": "{file}可自由更新，此卡与其不同",
    "{file} read needs {rule}, which is proven: this card differs": "读取{file}需要{rule}，且已验证，此卡与其不同",
    "{file} update needs {rule}, which is proven: this card differs": "更新{file}需要{rule}，且已验证，此卡与其不同",
    "by the standard {name} may have P1 {values*}": "按规范，{name}可以使用 P1 {values}",
    "by the standard {name} may have this length ({clause*})": "按规范，{name}可以是此长度（{clause}）",
    "by the standard there is such a command, {name} ({clause*})": "规范中有此命令：{name}（{clause}）",
    "the current DF is none of {profile}": "当前 DF 不是卡型 {profile} 中的 DF",
    "its INITIALIZE command comes directly before {name}; {before} did": (
        "{name}的前一条命令应是它的初始化命令，而不是{before}"
    ),
    "its INITIALIZE command comes directly before {name}; nothing did": (
        "{name}的前一条命令应是它的初始化命令，而此前没有命令"
    ),
    "{name} has no status word {word} ({clause*})": "{name}没有状态字 {word}（{clause}）",
    "the answer has {count} bytes, and a status word has 2": "应答有 {count} 字节，而状态字应为 2 字节",
    "no directory of {profile} has such a command": "卡型 {profile} 的任何目录都没有此命令",
}
"""Reasons in English, and in Chinese."""
