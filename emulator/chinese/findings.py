"""Findings of checks in Chinese: what a card did wrong, and why something was not tested."""

from collections.abc import Mapping
from typing import Final

FINDINGS: Final[Mapping[str, str]] = {
    # The bench.
    "{what}: the card answered {word}, not {wanted}": "{what}：卡片返回 {word}，应为 {wanted}",
    "{what} came before and was refused with {word}": "此前的{what}被拒绝（{word}）",
    "{what} came before and was refused": "此前的{what}被拒绝",
    "{command} came before and answered {count} bytes, not {length}": (
        "此前的{command}返回 {count} 字节，应为 {length} 字节"
    ),
    "{profile} has no {what}": "{profile}没有{what}",
    "the card gave no answer": "卡片没有应答",
    "the card gave no answer: {error*}": "卡片没有应答：{error}",
    "the card offers T=1, and answered {word}; 6Cxx is of T=0": "卡片支持 T=1，返回 {word}；6Cxx 属于 T=0",
    "there are no root keys": "没有根密钥",
    "the root keys are not those of this card: its IRK is another": "根密钥不是此卡的根密钥：卡片的 IRK 不同",
    "{key} was refused before, and no second try is spent": "{key}此前已被拒绝，不再消耗一次尝试",
    "nobody may do it": "该操作被禁止",
    "the PIN has one try left": "个人密码只剩一次尝试",
    "the PIN has one try left, which no check spends": "个人密码只剩一次尝试，检查不消耗它",
    "the PIN is not known": "不知道个人密码",
    "VERIFY was refused with {word}: is this the PIN of the card?": "VERIFY 被拒绝（{word}）：这是此卡的个人密码吗？",
    "the card answers {word} to VERIFY without data: no PIN is set, or it is locked": (
        "不带数据的 VERIFY 返回 {word}：没有设置个人密码，或已锁定"
    ),
    "the operation changed nothing that is seen": "操作没有引起可见的变化",
    "power cut before write {number}: the card shows neither the old nor the new state": (
        "在第 {number} 次写入之前断电：卡片既不是原来的状态，也不是新的状态"
    ),
    "power cut after write {number}: the card shows neither the old nor the new state": (
        "在第 {number} 次写入之后断电：卡片既不是原来的状态，也不是新的状态"
    ),
    "a wrong PIN and a power cut left {left} tries of {tries}": (
        "个人密码错误并断电后，剩余 {left} 次，原有 {tries} 次"
    ),
    # Errors of the terminal.
    "the reader lost the card: {error*}": "读写器失去卡片：{error}",
    "the card gave no answer: was it pulled out?": "卡片没有应答：是否被拔出？",
    "this HSM does not have the algorithm {algorithm}; SSF33 is not public": (
        "加密机没有算法 {algorithm}；SSF33 未公开"
    ),
    "{source} has no root {key} of version {version}": "{source} 中没有根密钥 {key} 的版本 {version}",
    "no key can be derived: the card names no region, or no historical bytes": (
        "不能分散密钥：卡片没有地区代码或历史字节"
    ),
    "{command}: the card answered {word}, {meaning}": "{command}：卡片返回 {word}，{meaning}",
    "{command}: the card answered {word}, not a status word of the standard": (
        "{command}：卡片返回 {word}，标准中没有的状态字"
    ),
    "{command}: the PSAM answered {word}, {meaning}": "{command}：PSAM 返回 {word}，{meaning}",
    "the PSAM has no key {key} (identifier {kid})": "PSAM 中没有密钥 {key}（标识 {kid}）",
    "the card in {reader} is not a PSAM": "{reader} 中的卡不是 PSAM",
    # Commands.
    "the answer to reset begins with {byte}, not with 3B": "复位应答以 {byte} 开头，应为 3B",
    "the answer to reset has {count} historical bytes, not 13": "复位应答有 {count} 个历史字节，应为 13 个",
    "tag 84 in the FCI of {what} is not its name": "{what}的 FCI 中标签 84 不是其名称",
    "the FCI announces no algorithm, which the standard allows": "FCI 没有给出算法，规范允许如此",
    "the card has SSF33, which is not public and of which there is no card type": (
        "卡片使用 SSF33，该算法未公开，没有相应的卡型"
    ),
    "tag 86 in the FCI is {value}, but {profile} has {suite}": (
        "FCI 中标签 86 为 {value}，而 {profile} 的算法是 {suite}"
    ),
    "{command} answered data, and an EF has no FCI": "{command}返回了数据，而 EF 没有 FCI",
    "{command} answers {count} bytes, not {length}": "{command}返回 {count} 字节，应为 {length} 字节",
    "{command} answers the same {count} bytes twice": "{command}两次返回相同的 {count} 字节",
    "{command} answered {count} bytes": "{command}返回 {count} 字节",
    "{command} answered {count} bytes, not {length}": "{command}返回 {count} 字节，应为 {length} 字节",
    "{command} answered {word}, not {wanted}": "{command}返回 {word}，应为 {wanted}",
    "{command} answered tag {tag}, not {wanted}": "{command}返回标签 {tag}，应为 {wanted}",
    "{command} answered the same bytes twice": "{command}两次返回相同的字节",
    "{command} answered another record than READ RECORD by number": ("{command}返回的记录与按记录号读取的不同"),
    "record {number} of {file} begins with {tag}, not {wanted}": (
        "{file}的第 {number} 条记录以 {tag} 开头，应为 {wanted}"
    ),
    "READ RECORD from 1 to the last does not answer every record, one after the other": (
        "READ RECORD（第 1 条至末条）没有依次返回每条记录"
    ),
    "READ BINARY of {file} at 8 answered other bytes than at 0": (
        "READ BINARY 从偏移 8 读取{file}，与从偏移 0 读取的不同"
    ),
    "INTERNAL AUTHENTICATION does not depend on the random numbers alone": "内部认证的结果不只取决于随机数",
    "VERIFY without data cost a try": "不带数据的 VERIFY 消耗了一次尝试",
    "VERIFY with the right PIN did not put the try counter back": "以正确的个人密码 VERIFY 后，尝试次数没有恢复",
    "the last record of {file} has {count} bytes: records-ssse and free-files say more": (
        "{file}的末条记录有 {count} 字节：见 records-ssse 和 free-files"
    ),
    "READ RECORD of {file} does not answer what UPDATE RECORD has written": (
        "READ RECORD 读出的{file}不是 UPDATE RECORD 写入的内容"
    ),
    "the card has no PIN": "卡片没有个人密码",
    "{file} cannot be read after its proof": "认证之后仍不能读取{file}",
    # Files.
    "all files of {df} are free: free-files reads them": "{df}的文件都可自由读取：由 free-files 检查",
    "a record of {file} has {count} bytes, not {length}": "{file}的记录有 {count} 字节，应为 {length} 字节",
    "record {number} of {file} is {head} with {count} bytes, not {wanted} with {length} ({name})": (
        "{file}的第 {number} 条记录为 {head}，{count} 字节；应为 {wanted}，{length} 字节（{name}）"
    ),
    "the card has no financial environment": "卡片没有金融环境",
    "{profile} has no transparent file that is read free": "{profile}没有可自由读取的透明文件",
    "{profile} has no file that needs a key": "{profile}没有需要密钥的文件",
    "{profile} has no file that one proof opens": "{profile}没有认证一次即可读取的文件",
    "{profile} has no file that the PIN opens": "{profile}没有校验个人密码即可读取的文件",
    "{profile} has no file that a key of its application opens": "{profile}没有由本应用密钥控制读取的文件",
    "the card has no PIN, so that {file} is open without a key": "卡片没有个人密码，所以不用密钥也能读取{file}",
    "no other application has a file that needs a proof": "其他应用没有须认证的文件",
    "with {profile} the PIN counts in one DF": "{profile}的个人密码只在一个 DF 中有效",
    # Keys.
    "the card has no version {version} of {key}: it is retired": "卡片没有 {key} 的版本 {version}：已被取代",
    "the first version of {key} is retired": "{key} 的第一个版本已被取代",
    "{what} is not what the root keys give": "{what}与根密钥的计算结果不符",
    "with {profile} a version that is left out means the current one": "{profile}不带版本号时使用当前版本",
    "{command} was refused after it": "此后的{command}被拒绝",
    "after a right authentication a wrong one answered {word}, not {wanted} as before": (
        "认证正确之后再认证错误，返回 {word}，而此前返回 {wanted}"
    ),
    # Trades.
    "{profile} has no account (offline mode)": "{profile}没有帐户（脱网方式）",
    "after a load of 1 fen on {before} the balance is {now}": "余额 {before}，划入 1 分后为 {now}",
    "after a purchase of 1 fen from {before} the balance is {now}": "余额 {before}，消费 1 分后为 {now}",
    "the newest record of {file} does not have terminal, time and amount of the purchase": (
        "{file}的最新记录没有这笔消费的终端机编号、时间和金额"
    ),
    "GET TRANSACTION PROOF does not answer MAC and TAC of the last purchase": (
        "GET TRANSACTION PROOF 返回的不是最近一笔消费的 MAC 和 TAC"
    ),
    "the account is full: no amount is beyond its balance": "帐户余额已达上限：没有超出余额的金额",
    "the purse is full: no amount is beyond its balance": "电子钱包余额已达上限：没有超出余额的金额",
    "the card has no trade key with index {index}": "卡片没有索引为 {index} 的交易密钥",
    "no purchase is possible with this PSAM and card: {error*}": "此 PSAM 和此卡不能进行消费：{error}",
    "a purchase with the PSAM failed: {error*}": "用 PSAM 消费失败：{error}",
    "a purchase with the PSAM has left no record in {file}": "用 PSAM 消费后，{file}中没有记录",
    # The financial environment.
    "{what} holds no whole data objects: {error*}": "{what}中的数据对象不完整：{error}",
    "{what} is no template {tag}": "{what}不是模板 {tag}",
    "tag 88 in the FCI is no short file identifier from 1 to 10": "FCI 中标签 88 不是 1 至 10 的短文件标识符",
    "the directory does not list {name}": "目录中没有 {name}",
    "{profile} has no environment for contactless terminals": "{profile}没有用于非接触终端的环境",
    "{what} lists no application": "{what}没有列出应用",
    # Passbook and purse.
    "VERIFY was refused with {word}: is this the PIN of the financial applications?": (
        "VERIFY 被拒绝（{word}）：这是金融应用的个人密码吗？"
    ),
    "a PIN of the financial applications has {least} to {most} digits": "金融应用的个人密码为 {least} 至 {most} 位",
    "{source} has no root {key}": "{source} 中没有根密钥 {key}",
    "READ BINARY answered {count} bytes of the application serial number, not {length}": (
        "READ BINARY 返回的应用序列号为 {count} 字节，应为 {length} 字节"
    ),
    "the root keys are not those of this card: no MAC1 of the purse comes from them": (
        "根密钥不是此卡的根密钥：电子钱包的 MAC1 都不能由其得出"
    ),
    "passbook and purse are locked": "电子存折/电子钱包已锁定",
    "tag 9F0C in the FCI is not the file {file}": "FCI 中标签 9F0C 不是文件 {file} 的内容",
    "the application type in {file} is {value}, not 01, 02 or 03": (
        "{file}中的应用类型标识为 {value}，应为 01、02 或 03"
    ),
    "a wrong PIN left {left} tries, and after the right one a wrong one left {again}": (
        "个人密码错误后剩余 {left} 次，而正确之后再错误剩余 {again} 次"
    ),
    "after {trade} the balance of {account} is {now}, not {wanted}": "{trade}后{account}的余额为 {now}，应为 {wanted}",
    "the newest record of the log is not counter, limit, amount, type, terminal and time of the trade": (
        "交易明细的最新记录不是这笔交易的序号、限额、金额、类型、终端机编号和时间"
    ),
    "GET TRANSACTION PROVE does not answer MAC and TAC of the last trade": (
        "GET TRANSACTION PROVE 返回的不是最近一笔交易的 MAC 和 TAC"
    ),
    # Debit/credit: its objects and records.
    "debit/credit is locked": "借贷记已锁定",
    "{what} has no label, tag {tag}": "{what}没有标签 {tag}（应用标签）",
    "{what} lacks the random number of the terminal, tag {tag}": "{what}缺少终端的随机数（标签 {tag}）",
    "{what} lacks the random number of the terminal, tag {tag}, which CDA needs": (
        "{what}缺少 CDA 所需的终端随机数（标签 {tag}）"
    ),
    "{what} is no list of data objects": "{what}不是数据对象列表",
    "{what} asks for nothing": "{what}没有要求任何数据",
    "{what} asks for {count} bytes, more than the {most} that a command carries": (
        "{what}要求 {count} 字节，超过一条命令的 {most} 字节"
    ),
    "{what} is not one template {tag}": "{what}不是单个模板 {tag}",
    "{what} is neither template 80 nor 77": "{what}既不是模板 80 也不是模板 77",
    "{what} has {count} bytes, not 11 or more": "{what}有 {count} 字节，至少应为 11 字节",
    "the card finds no application by the beginning of its name": "卡片不能按名称的开头选择应用",
    "SELECT by the beginning of a name finds {name}, another or the same again": (
        "按名称的开头 SELECT 选中 {name}：名称不符，或重复选中"
    ),
    "SELECT of the next application finds one after the other without an end": "SELECT 下一个应用没有尽头",
    "{command} does not answer this object with {count} bytes": "{command}没有返回 {count} 字节的该数据对象",
    "the card has no GET CHALLENGE, which EMV allows": "卡片没有 GET CHALLENGE，EMV 允许如此",
    "the card does not show its transaction counter, tag {tag}": "卡片不返回应用交易计数器（标签 {tag}）",
    "the transaction counter is {one}, and in the next transaction {other}": (
        "应用交易计数器为 {one}，而在下一笔交易中为 {other}"
    ),
    "the transaction counter is near its end, where the card would lock itself": (
        "应用交易计数器接近最大值，继续交易会使卡片自行锁定"
    ),
    "GENERATE AC answers another transaction counter than GET DATA": (
        "GENERATE AC 返回的应用交易计数器与 GET DATA 的不同"
    ),
    "no record of the AFL has tag {tag}": "AFL 的记录中没有标签 {tag}",
    "no record of the AFL has {list}, tag {tag}, which GENERATE AC needs": (
        "AFL 的记录中没有 GENERATE AC 所需的 {list}（标签 {tag}）"
    ),
    "tag {tag} is in the records {count} times": "标签 {tag} 在记录中出现 {count} 次",
    "the list of verification methods, tag {tag}, has {count} bytes, not two amounts and pairs": (
        "持卡人验证方法列表（标签 {tag}）有 {count} 字节，应为两个金额加若干对字节"
    ),
    "the records have no track 2, tag {tag}": "记录中没有 2 磁道等效数据（标签 {tag}）",
    "track 2, tag {tag}, has another account number than tag {other}": (
        "2 磁道等效数据（标签 {tag}）中的主账号与标签 {other} 不同"
    ),
    "the records have no account number to derive keys from, tags {one} and {other}": (
        "记录中没有用于分散密钥的主账号（标签 {one} 和 {other}）"
    ),
    "GET PROCESSING OPTIONS answers no AIP of 2 bytes": "GET PROCESSING OPTIONS 没有返回 2 字节的 AIP",
    "GET PROCESSING OPTIONS answers an AFL of {count} bytes, not of four for each file": (
        "GET PROCESSING OPTIONS 返回的 AFL 有 {count} 字节，应为每个文件 4 字节"
    ),
    "entry {entry} of the AFL is wrong": "AFL 的条目 {entry} 错误",
    # Debit/credit: cryptograms.
    "{profile} has no key of the root {key}": "{profile}没有由根密钥 {key} 分散的密钥",
    "the root keys are not those of this card: no cryptogram of debit/credit comes from them": (
        "根密钥不是此卡的根密钥：借贷记的应用密文都不能由其得出"
    ),
    "the cryptogram cannot be computed: {error*}": "不能计算应用密文：{error}",
    "there is no first cryptogram": "没有第一个应用密文",
    "the card answered {given} when it was asked for {wanted}": "请求 {wanted} 时，卡片返回 {given}",
    "the card answers {given} when it is asked for {wanted}": "请求 {wanted} 时，卡片返回 {given}",
    "the card answers {given} when the issuer has approved, not a TC": "发卡行批准时，卡片返回 {given}，应为 TC",
    "the card answers {given} when the issuer has refused, not an AAC": "发卡行拒绝时，卡片返回 {given}，应为 AAC",
    "the card gave no TC when the issuer had approved": "发卡行批准时，卡片没有返回 TC",
    "template 77 of GENERATE AC lacks 9F27, 9F36, or 9F26 and 9F4B": (
        "GENERATE AC 的模板 77 缺少 9F27、9F36，或 9F26 和 9F4B"
    ),
    "9F10 does not begin with 07, key index, cryptogram version, 03, results and algorithm": (
        "9F10 不以 07、密钥索引、密文版本、03、验证结果和算法标识开头"
    ),
    "9F10 has no part of the issuer": "9F10 中没有发卡行自定义部分",
    "9F10 holds another amount than tag {tag}": "9F10 中的金额与标签 {tag} 不同",
    "the issuer's part of 9F10 has {count} bytes, but its length says {length}": (
        "9F10 的发卡行自定义部分有 {count} 字节，而其长度为 {length}"
    ),
    "the issuer's part of 9F10 with identifier {id} has {count} bytes": (
        "9F10 中标识为 {id} 的发卡行自定义部分有 {count} 字节"
    ),
    "the verification results in 9F10 do not tell that {what}": "9F10 中的卡片验证结果没有表明：{what}",
    "the verification results in 9F10 tell of a wrong PIN, but it was right": (
        "9F10 中的卡片验证结果表明个人密码错误，而密码是正确的"
    ),
    "the verification results in 9F10 tell of the cryptograms {given}, not {wanted}": (
        "9F10 中的卡片验证结果所示的应用密文为 {given}，应为 {wanted}"
    ),
    # Debit/credit: the issuer, scripts and the PIN.
    "EXTERNAL AUTHENTICATE with a wrong cryptogram: the card answered {word}, not 6300 or 63Cx": (
        "EXTERNAL AUTHENTICATE（错误的密文）：卡片返回 {word}，应为 6300 或 63Cx"
    ),
    "the card takes no answer of the issuer any more: too many before were wrong": (
        "卡片不再接受发卡行的应答：此前错误次数过多"
    ),
    "the card takes no script any more: too many before were wrong": "卡片不再接受脚本：此前错误次数过多",
    "the card does not show the counter of the last online transaction, tag {tag}": (
        "卡片不返回上次联机交易的计数器（标签 {tag}）"
    ),
    "tag {tag} is not the counter of the online transaction that just ended": (
        "标签 {tag} 不是刚结束的联机交易的计数器"
    ),
    "GET DATA answers no limit that a script could write back": "GET DATA 没有返回可由脚本写回的限额",
    "the card does not show how many tries the PIN has, tag {tag}": "卡片不返回个人密码的剩余次数（标签 {tag}）",
    "VERIFY was refused with {word}: is this the PIN of debit/credit?": (
        "VERIFY 被拒绝（{word}）：这是借贷记的个人密码吗？"
    ),
    "the PIN has {count} tries: a wrong one would leave the last": "个人密码共 {count} 次：错误一次就只剩最后一次",
    "after a wrong PIN tag {tag} is not one less": "个人密码错误之后，标签 {tag} 没有减一",
    "after the right PIN tag {tag} is not back at its most": "个人密码正确之后，标签 {tag} 没有恢复到最大值",
    # Debit/credit: signatures.
    "tag {tag} has {count} bytes, the key that signs it {length}": (
        "标签 {tag} 有 {count} 字节，签名密钥为 {length} 字节"
    ),
    "tag {tag} cannot be recovered with the key above it": "标签 {tag} 不能用上级密钥恢复",
    "the hash in tag {tag} is not that of the data": "标签 {tag} 中的哈希值与数据不符",
    "tag {tag} certifies the key of another account number than tag {other}": (
        "标签 {tag} 证书中的主账号与标签 {other} 不同"
    ),
    "tag {tag} and its remainder are not as long as the key that they say they hold": (
        "标签 {tag} 及其余项的长度与其中所称的密钥长度不符"
    ),
    "tag {tag} lists something else than the AIP, tag {other}": "标签 {tag} 列出了 AIP（标签 {other}）以外的内容",
    "the records have no certificate of the issuer, tags {one} and {other}": (
        "记录中没有发卡行公钥证书（标签 {one} 和 {other}）"
    ),
    "the certificate of the issuer, tag {tag}, is one of another authority": (
        "发卡行公钥证书（标签 {tag}）由其他认证中心签发"
    ),
    "the records have no certificate of the card, tag {tag}": "记录中没有 IC 卡公钥证书（标签 {tag}）",
    "the records have no signed static data, tag {tag}": "记录中没有签名的静态应用数据（标签 {tag}）",
    "the signed dynamic data, tag {tag}, hold no dynamic number of 2 to 8 bytes": (
        "签名的动态应用数据（标签 {tag}）中没有 2 至 8 字节的动态数字"
    ),
    "the signature of GENERATE AC holds another cryptogram information than the answer": (
        "GENERATE AC 的签名中的密文信息数据与应答不同"
    ),
    "the signature of GENERATE AC is not over the data of this transaction": "GENERATE AC 的签名不是对本次交易的数据",
    "the AIP has no static data authentication": "AIP 表示不支持静态数据认证（SDA）",
    "INTERNAL AUTHENTICATE answers neither template 80 nor 77 with a signature": (
        "INTERNAL AUTHENTICATE 没有返回带签名的模板 80 或 77"
    ),
    "GENERATE AC answers no signature, tag {tag}, when it is asked for one": (
        "请求签名时，GENERATE AC 没有返回签名（标签 {tag}）"
    ),
    # Electronic cash.
    "the card has no electronic cash": "卡片没有电子现金",
    "no record has tag 9F74: the card does not take this for a payment with electronic cash": (
        "记录中没有标签 9F74：卡片不把它当作电子现金交易"
    ),
    "the limit of electronic cash is 0": "电子现金余额上限为 0",
    "the limit of electronic cash is {limit}, less than the {least} that the check needs": (
        "电子现金余额上限为 {limit}，低于检查所需的 {least}"
    ),
    "the card has no limit of one payment that is below that of the balance": (
        "卡片没有低于余额上限的电子现金单笔交易限额"
    ),
    "after a script that writes a balance of {wanted}, the balance is {now}": (
        "脚本写入余额 {wanted} 之后，余额为 {now}"
    ),
    "after {trade} the balance is {now}, not {wanted}": "{trade}后余额为 {now}，应为 {wanted}",
    "{trade} came before, and the card answered {given}": "此前{trade}时，卡片返回 {given}",
    "the card answers {given} to {trade}, not a TC": "{trade}时，卡片返回 {given}，应为 TC",
    "a payment above the limit of one payment was approved offline": "超过单笔交易限额的电子现金消费被脱机批准",
    "a payment beyond the balance was approved offline": "超过余额的电子现金消费被脱机批准",
    "the FCI names no log, tag {tag}": "FCI 没有给出交易日志（标签 {tag}）",
    "tag {tag} is {value}: no file from 11 to 30 and its number of records": (
        "标签 {tag} 为 {value}：不是 11 至 30 的文件和记录数"
    ),
    "the card has a log, but GET DATA answers no format of it, tag {tag}": (
        "卡片有交易日志，而 GET DATA 没有返回其格式（标签 {tag}）"
    ),
    "a record of the log has {count} bytes, its format says {length}": (
        "交易日志的记录有 {count} 字节，按其格式应为 {length} 字节"
    ),
    "a record of the log has another length than its format says": "交易日志的记录长度与其格式不符",
    "the newest record of the log does not hold tag {tag} of the transaction": (
        "交易日志的最新记录中没有这笔交易的标签 {tag}"
    ),
    # PSAMs.
    "{file} has {count} bytes, not {length}": "{file}有 {count} 字节，应为 {length} 字节",
    "the terminal number in {file} is not of digits": "{file}中的终端机编号不是数字",
    "the key file {file} can be read": "密钥文件 {file} 可以读取",
}
"""Findings in English, and in Chinese."""
