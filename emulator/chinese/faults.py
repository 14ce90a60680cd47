"""Texts of faults and notes of traces in Chinese."""

from collections.abc import Mapping
from typing import Final

FAULTS: Final[Mapping[str, str]] = {
    # Kinds of faults (`emulator.rig.kinds`).
    "The card is gone before or after a durable write of the command; it keeps all of the write, or nothing.": (
        "命令的一次非易失性写入之前或之后卡断电；该写入要么全部生效，要么全部不生效。"
    ),
    "The memory refuses a write; the card answers 6581 or what the command's table has.": (
        "存储器写入失败；卡返回 6581 或该命令状态字表所列的值。"
    ),
    "The card is gone within a write, and half of it is done: a card without anti-tearing.": (
        "写入中途断电且只写入一半：没有防拔保护的卡。"
    ),
    "The status word, without data; the command is not carried out.": "只返回该状态字，不返回数据；命令不执行。",
    "The PIN or key has so many tries left: the next wrong value gets 63Cx one lower, 0 left 6983.": (
        "个人密码或密钥只剩这么多次：下一次错误返回少一次的 63Cx，剩 0 次返回 6983。"
    ),
    "The key does not work in this command, as if a newer version had retired it.": (
        "该密钥在本命令中不可用，如同已被新版本取代。"
    ),
    "GET CHALLENGE and whatever else draws random bytes gives the same ones each time.": (
        "取随机数及其他使用随机数的命令每次得到相同的值。"
    ),
    "The last bit of the response data is wrong: a MAC, a cryptogram or a TAC that does not verify.": (
        "响应数据的最后一位错误：MAC、密文或 TAC 校验不通过。"
    ),
    "The answer comes late.": "应答延迟。",
    "The end of the answer is missing, the status word first; one byte at least is left.": (
        "应答尾部缺失，状态字最先缺失；至少保留一个字节。"
    ),
    "An answer of one byte.": "应答只有一个字节。",
    "Bytes behind the status word.": "状态字之后多出字节。",
    "The command is carried out and its answer never arrives; the reader loses the card, which comes back.": (
        "命令已执行但应答丢失；读写器失去该卡，随后卡重新出现。"
    ),
    "The card is pulled out of the reader before or after the command is carried out.": (
        "在命令执行之前或之后卡被拔出读写器。"
    ),
    "An answer to reset that no card gives, for as long as the fault is armed; it has no selector.": (
        "不合规范的复位应答，故障撤销之前一直如此；没有选择条件。"
    ),
    # What a card answers that has one.
    "fault status: {word} instead of an answer of the card": "故障 status：返回 {word}，不是卡片的应答",
    "fault memory-failure: the memory does not take the write": "故障 memory-failure：存储器写入失败",
    # What a terminal hears of a card that a fault takes away.
    "the card was pulled out before its answer came": "卡在应答之前被拔出",
    "the card was pulled out before the command": "卡在命令执行之前被拔出",
    "the card was pulled out after the command": "卡在命令执行之后被拔出",
    "the answer was lost": "应答丢失",
    "power was cut before a write": "写入之前断电",
    "power was cut after a write": "写入之后断电",
    "power was cut within a write": "写入中途断电",
    # Notes.
    "no answer to {header}: was the card pulled out?": "{header} 没有应答：卡是否被拔出？",
    "an answer without its command": "有应答而没有相应的命令",
    "{count} commands are missing here: they came faster than they could be shown": (
        "此处缺少 {count} 条命令：来不及显示"
    ),
    "{count} lines are missing here: nobody read them in time": "此处缺少 {count} 行：没有及时读取",
    "a defect of this program: a line of the trace is lost ({error*})": "本程序的缺陷：丢失一行跟踪记录（{error}）",
}
"""Texts in English, and in Chinese."""
