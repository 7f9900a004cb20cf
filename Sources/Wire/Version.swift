/// The version of this software, as handshakes and `--version` tell it.
public enum Version {
    public static let current = "0.1.0"
}
