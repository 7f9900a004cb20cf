// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "tessera",
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0")
    ],
    targets: [
        .target(
            name: "Scheduling",
            dependencies: [
                "Canvas", .product(name: "BitCollections", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
            ], swiftSettings: settings),
        .testTarget(name: "SchedulingTests", dependencies: ["Scheduling", "Canvas"], swiftSettings: settings),
        .target(name: "Canvas", swiftSettings: settings),
        .target(name: "Evaluation", swiftSettings: settings),
        .testTarget(name: "EvaluationTests", dependencies: ["Evaluation"], swiftSettings: settings),
    ]
)
