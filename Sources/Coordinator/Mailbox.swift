import Synchronization

/// A queue that any thread may put into and one thread empties.
final class Mailbox<Element: Sendable>: Sendable {
    private let items = Mutex<[Element]>([])

    /// Add an item; returns whether the queue was empty before, so that its reader may need waking.
    @discardableResult
    func put(_ item: Element) -> Bool {
        items.withLock { items in
            items.append(item)
            return items.count == 1
        }
    }

    /// Take everything, in order of arrival.
    func takeAll() -> [Element] {
        items.withLock { items in
            defer { items.removeAll(keepingCapacity: true) }
            return items
        }
    }
}
